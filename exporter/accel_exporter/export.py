"""`accel export`: a pipeline in, a bundle out."""

import gc
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Literal

import msgspec

from accel_exporter import layout, names
from accel_exporter.families.family import Component
from accel_exporter.families.known import family_of
from accel_exporter.gating import with_gated
from accel_exporter.helper import Task, helper_process
from accel_exporter.inductor import PackageWriter
from accel_exporter.int8.bundle import quantise_bundle
from accel_exporter.loop_graphs import write_loop_graphs
from accel_exporter.merging import with_merged
from accel_exporter.named_plans import write_plans
from accel_exporter.options import ExportOptions, choose_branches
from accel_exporter.overflow import check_overflow
from accel_exporter.precision import feature_dtype
from accel_exporter.provenance import describe_provenance
from accel_exporter.schedules import check_schedulers
from accel_exporter.sizes import ModelSizes
from accel_exporter.sources import Source
from accel_exporter.staging import staged_folder
from accel_exporter.tables import ScheduleWriter
from accel_exporter.traced import Settings, trace_component
from accel_exporter.write import Written, check_written, write_graph, write_unet
from accel_runtime.bundle.bundle import describe_file, write_manifest
from accel_runtime.manifest import (
    SCHEMA_VERSION,
    ExtraForm,
    FormGraph,
    GraphSpec,
    LoopSpec,
    Manifest,
    Precision,
    SchedulesSpec,
    TextSpec,
    read_manifest,
)


@dataclass(frozen=True, slots=True)
class Parts:
    """The manifest's entries for some of the graphs."""

    graphs: Mapping[str, GraphSpec]
    forms: Mapping[ExtraForm, Mapping[str, FormGraph]]


@dataclass(frozen=True, slots=True)
class Stage:
    """The next step of an export, for a progress bar."""

    name: str
    done: int
    total: int


def export_bundle(
    source: Source, target: Path, *, options: ExportOptions, force: bool = False
) -> Generator[Stage, None, None]:
    """Export a pipeline, yielding before each stage; the bundle is at ``target`` when the iterator ends.

    Components are loaded, traced, written and dropped one after the other, so the peak of memory is
    that of the largest one; with two jobs a second process does the smaller ones beside the UNet.
    Leaving the iterator early leaves nothing behind.

    Args:
        source: The pipeline.
        target: The folder to make.
        options: How to export.
        force: Replace a bundle at ``target``.

    Raises:
        AccelError: Anything that cannot be done; nothing is left behind.
    """
    with (
        staged_folder(target, force=force) as folder,
        helper_process(wanted=options.jobs > 1 and not options.with_inductor) as helper,
    ):
        export = _Export(source, folder, options, helper)
        stages = export.stages()
        for done, (name, work) in enumerate(stages):
            yield Stage(name=name, done=done, total=len(stages))
            work()


class _Export:
    """A running export. Each stage adds its part, and the last one writes the manifest."""

    def __init__(self, source: Source, folder: Path, options: ExportOptions, helper: Executor | None = None) -> None:
        self._source = source
        self._family = family_of(source)
        self._folder = folder
        self._options = options
        self._helper = helper
        self._beside: Task[Parts]
        self._branches: tuple[int, ...]
        self._texts: dict[str, TextSpec] = {}
        self._schedules: SchedulesSpec
        self._loop: LoopSpec
        self._model: str | None = None
        self._graphs: dict[str, GraphSpec] = {}
        self._forms: dict[ExtraForm, dict[str, FormGraph]] = {}
        self._unchecked: list[Written] = []
        self._packages = PackageWriter(folder, options.device) if options.with_inductor else None

    def stages(self) -> tuple[tuple[str, Callable[[], None]], ...]:
        own = (("UNet", self._export_unet), ("check the UNet", self._check_written))
        if self._helper is None:
            middle = (("compile schedules", self._compile_schedules), *self._smaller(), *own)
        else:
            is_later = self._options.schedulers is None
            schedules = (("compile schedules", self._compile_schedules),) if is_later else ()
            middle = (
                ("start a second process", self._start_helper),
                *own,
                *schedules,
                ("text encoder and VAE", self._take_parts),
            )
        ends = (("loop graphs", self._write_loop), *self._last())
        return (("read configs", self._read_configs), *middle, *ends)

    def _last(self) -> tuple[tuple[str, Callable[[], None]], ...]:
        int8 = (("choose int8 layers", self._quantise),) if self._options.int8 else ()
        return (("hash files", self._write_manifest), *int8)

    def smaller_parts(self) -> Parts:
        """Export all but the UNet."""
        for _, work in self._smaller():
            work()
        return Parts(self._graphs, self._forms)

    def _smaller(self) -> tuple[tuple[str, Callable[[], None]], ...]:
        components = self._family.components(self._source)
        return tuple((each.title, partial(self._export_component, each)) for each in components)

    def _start_helper(self) -> None:
        assert self._helper is not None  # noqa: S101 - a stage that is only there with one
        self._beside = Task(self._helper, partial(_smaller_parts, self._source, self._folder, self._options))
        if self._options.schedulers is not None:
            self._compile_schedules()  # now: whoever asked for one that cannot be a table shall hear it at once
            return
        self._tables.hand_to(self._helper)

    def _take_parts(self) -> None:
        parts = self._beside.result()
        self._graphs |= parts.graphs
        for form, made in parts.forms.items():
            self._forms.setdefault(form, {}).update(made)

    @cached_property
    def _tables(self) -> ScheduleWriter:
        return ScheduleWriter(self._folder, self._source.scheduler_config, self._options)

    @cached_property
    def _sizes(self) -> ModelSizes:
        return self._family.sizes(self._source, self._options)

    def _read_configs(self) -> None:
        self._family.check(self._source)
        self._branches = choose_branches(self._options.branches, self._family.branches(self._source))
        check_schedulers(self._source.scheduler_config, self._options.schedulers, steps=self._options.max_steps)
        layout.write_model_index(self._folder, self._source.model_index)
        layout.write_scheduler(self._folder, self._source.scheduler_config)
        for graph, part in self._family.tokenizers(self._source).items():
            self._texts[graph] = layout.write_tokenizer(self._folder, self._source.load_tokenizer(part), part=part)

    def _compile_schedules(self) -> None:
        self._schedules = self._tables.write()

    def _export_component(self, component: Component) -> None:
        loaded = component.load()
        layout.write_component_config(self._folder, component.name, config=loaded.config)
        dtype = self._options.vae_dtype if component.is_codec else self._options.dtype
        settings = self._settings(dtype=dtype)
        if component.is_codec and dtype == "float16":
            check_overflow(loaded.build(settings.check_sizes), spread=self._spread(component))
        traced = trace_component(loaded.build, settings)
        for written in write_graph(traced, self._folder / component.name, settings=settings):
            self._check(written, dtype=dtype)
        if self._packages:
            self._packages.add(traced, tolerance=self._options.allowed_error(dtype))

    def _spread(self, component: Component) -> float:
        """How large a codec's input is: the decoder's is the state, of variance 1, before it was scaled."""
        decoder = self._family.decoder(self._source)
        return 1 / decoder.scale if decoder is not None and decoder.graph == component.name else 1.0

    def _export_unet(self) -> None:
        loaded = self._family.load_denoiser(self._source, self._branches)
        self._model = loaded.model_hash
        layout.write_component_config(self._folder, "unet", config=loaded.config)
        settings = self._settings(dtype=self._options.dtype, tome=self._options.tome, tgate=self._options.tgate)
        traced = trace_component(loaded.build, settings)
        self._unchecked += write_unet(traced, self._folder / "unet", branches=self._branches, settings=settings)
        if self._packages:
            specs = {written.name: written.spec for written in self._unchecked}
            shallow = {k: specs[names.unet_shallow(k)] for k in self._branches}
            self._packages.add_unet(traced, shallow, tolerance=self._options.allowed_error(settings.dtype))

    def _check_written(self) -> None:
        # Exported programs hold reference cycles; torch's weights must go before the session's come.
        gc.collect()
        for written in self._unchecked:
            self._check(written, dtype=self._options.dtype)

    def _check(self, written: Written, *, dtype: Precision) -> None:
        error = check_written(written, self._options.allowed_error(dtype))
        if written.form == "plain":
            self._graphs[written.name] = msgspec.structs.replace(written.spec, relative_error=error)
            return
        file = written.path.relative_to(self._folder).as_posix()
        how: Literal["run", "expansion"] = "expansion" if written.form == "fused" else "run"
        graph = FormGraph(file=file, relative_error=error, checked=how)
        self._forms.setdefault(written.form, {})[written.name] = graph

    def _write_loop(self) -> None:
        self._loop = write_loop_graphs(self._folder / "loop", features=feature_dtype(self._options.dtype))

    def _write_manifest(self) -> None:
        found = sorted(path for path in self._folder.rglob("*") if path.is_file())
        source, family = self._source, self._family
        denoiser = with_merged(family.denoiser(source, self._branches), self._options.tome)
        manifest = Manifest(
            schema_version=SCHEMA_VERSION,
            dtype=self._options.dtype,
            codec_dtype=self._options.vae_dtype,
            state=family.state(source, self._sizes),
            graphs=self._graphs,
            denoiser=with_gated(denoiser, self._graphs),
            texts=self._texts,
            encoder=family.encoder(source),
            decoder=family.decoder(source),
            schedules=self._schedules,
            loop=self._loop,
            files={path.relative_to(self._folder).as_posix(): describe_file(path) for path in found},
            provenance=describe_provenance(source, self._options, model=self._model),
            inductor=self._packages.spec() if self._packages else None,
            forms=dict(self._forms),
        )
        write_manifest(self._folder, write_plans(self._folder, manifest, source.plans))

    def _quantise(self) -> None:
        """On the finished float32 bundle, as its pictures tell which layers may be."""
        assert self._options.int8 is not None  # noqa: S101 - a stage that is only there with it
        manifest = read_manifest(self._folder)
        most, int8 = self._options.max_steps, self._options.int8
        write_manifest(self._folder, quantise_bundle(self._folder, manifest, options=int8, most_steps=most))

    def _settings(self, *, dtype: Precision, tome: Sequence[float] = (), tgate: bool = False) -> Settings:
        return Settings(
            opset=self._options.operator_set,
            is_static=self._options.static is not None,
            trace_sizes=self._sizes.to_trace,
            check_sizes=self._sizes.to_check,
            flops_sizes=self._sizes.symbols,
            dtype=dtype,
            forms=self._options.forms,
            is_packaged=self._packages is not None,
            tome=tome,
            tgate=tgate,
        )


def _smaller_parts(source: Source, folder: Path, options: ExportOptions) -> Parts:
    """The work of the helper process: all graphs but the UNet's."""
    return _Export(source, folder, options).smaller_parts()
