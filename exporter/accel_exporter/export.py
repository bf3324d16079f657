"""`accel export`: a pipeline in, a bundle out."""

import gc
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import msgspec

from accel_exporter import graphs, layout
from accel_exporter.helper import Task, helper_process
from accel_exporter.inductor import PackageWriter
from accel_exporter.loop_graphs import write_loop_graphs
from accel_exporter.options import ExportOptions, choose_branches
from accel_exporter.precision import output_dtype
from accel_exporter.schedules import (
    CompiledScheduler,
    check_schedulers,
    compile_one,
    is_compiled,
    own_name,
    resolved_name,
    travelling,
)
from accel_exporter.sizes import ModelSizes
from accel_exporter.sources import Source
from accel_exporter.sources.configs import unet_skeleton
from accel_exporter.sources.fitness import check_fitness
from accel_exporter.staging import staged_folder
from accel_exporter.unet import branch_count
from accel_exporter.write import Settings, Written, check_written, trace_component, write_graph, write_unet
from accel_runtime.bundle import describe_file, write_manifest
from accel_runtime.errors import ExportError
from accel_runtime.forms import providers_in, providers_of
from accel_runtime.manifest import (
    DType,
    ExtraForm,
    FormGraph,
    FormSpec,
    GraphSpec,
    GraphSpecs,
    LoopSpec,
    Manifest,
    ModelSpec,
    Provenance,
    SchedulesSpec,
    TextSpec,
)
from accel_runtime.schedule_file import SCHEDULE_SUFFIX, write_schedules

_STAMPED_PACKAGES = (
    "accel-sd",
    "diffusers",
    "onnx",
    "onnx-ir",
    "onnxruntime",
    "onnxscript",
    "torch",
    "transformers",
)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the manifest says of some of the graphs."""

    graphs: Mapping[str, GraphSpec]
    forms: Mapping[ExtraForm, Mapping[str, FormGraph]]


@dataclass(frozen=True, slots=True)
class Stage:
    """What the export does next, for a progress bar."""

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
    """One export in the making: each stage adds its part, the last writes the manifest."""

    def __init__(self, source: Source, folder: Path, options: ExportOptions, helper: Executor | None = None) -> None:
        self._source = source
        self._folder = folder
        self._options = options
        self._helper = helper
        self._beside: Task[Parts]
        self._compiling: dict[str, Task[CompiledScheduler]] = {}
        self._branches: tuple[int, ...]
        self._text: TextSpec
        self._schedules: SchedulesSpec
        self._model: ModelSpec
        self._loop: LoopSpec
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
        ends = (("loop graphs", self._write_loop), ("hash files", self._write_manifest))
        return (("read configs", self._read_configs), *middle, *ends)

    def smaller_parts(self) -> Parts:
        """Export all but the UNet."""
        for _, work in self._smaller():
            work()
        return Parts(self._graphs, self._forms)

    def _smaller(self) -> tuple[tuple[str, Callable[[], None]], ...]:
        return (
            ("text encoder", self._export_text_encoder),
            ("VAE decoder", self._export_vae_decoder),
            ("VAE encoder", self._export_vae_encoder),
        )

    def _start_helper(self) -> None:
        assert self._helper is not None  # noqa: S101 - a stage that is only there with one
        self._beside = Task(self._helper, partial(_smaller_parts, self._source, self._folder, self._options))
        if self._options.schedulers is not None:
            self._compile_schedules()  # now: whoever asked for one that cannot be a table shall hear it at once
            return
        config = self._source.scheduler_config
        for name in self._scheduler_names():
            if not is_compiled(name, config, steps=self._steps):
                self._compiling[name] = Task(self._helper, partial(compile_one, name, config, steps=self._steps))

    def _take_parts(self) -> None:
        parts = self._beside.result()
        self._graphs |= parts.graphs
        for form, made in parts.forms.items():
            self._forms.setdefault(form, {}).update(made)

    @cached_property
    def _sizes(self) -> ModelSizes:
        return ModelSizes.of(self._source.unet_config, self._source.vae_config, static=self._options.static)

    @cached_property
    def _text_length(self) -> int:
        return int(self._source.load_tokenizer().model_max_length)

    @property
    def _steps(self) -> tuple[int, ...]:
        return tuple(range(1, self._options.max_steps + 1))

    def _read_configs(self) -> None:
        check_fitness(self._source)
        self._branches = choose_branches(self._options.branches, branch_count(unet_skeleton(self._source.unet_config)))
        check_schedulers(self._source.scheduler_config, self._options.schedulers, steps=self._options.max_steps)
        vae = self._source.vae_config
        self._model = ModelSpec(
            pipeline_class=str(self._source.model_index["_class_name"]),
            latent_channels=vae["latent_channels"],
            latent_scale=self._sizes.latent_scale,
            scaling_factor=vae["scaling_factor"],
            sample_size=self._sizes.sample_size,
            size_multiple=self._sizes.size_multiple,
        )
        layout.write_model_index(self._folder, self._source.model_index)
        layout.write_scheduler(self._folder, self._source.scheduler_config)
        self._text = layout.write_tokenizer(self._folder, self._source.load_tokenizer())

    def _compile_schedules(self) -> None:
        (self._folder / "schedules").mkdir()
        files = {}
        self._share_compilation()
        own = own_name(self._source.scheduler_config)
        for name in self._scheduler_names():
            try:
                files[name] = self._compile(name)
            except ExportError:
                # Under some configs diffusers' DDIM clips, so it is no table. Whoever needs it must know.
                if self._options.schedulers is not None or name == own:
                    raise
        # Who names schedulers and leaves the pipeline's own out has chosen another one.
        default = own if own in files else next(iter(files))
        self._schedules = SchedulesSpec(default=default, files=files)

    def _share_compilation(self) -> None:
        """Take back every other scheduler that the helper has not come to: it goes on with the rest."""
        for task in tuple(self._compiling.values())[::-2]:
            task.take_back()

    def _scheduler_names(self) -> tuple[str, ...]:
        config = self._source.scheduler_config
        return tuple(resolved_name(name, config) for name in self._options.schedulers or travelling(config))

    def _compile(self, name: str) -> str:
        file = f"schedules/{name}{SCHEDULE_SUFFIX}"
        task = self._compiling.get(name)
        compiled = task.result() if task else compile_one(name, self._source.scheduler_config, steps=self._steps)
        write_schedules(self._folder / file, compiled.tables, metadata=compiled.metadata)
        return file

    def _export_text_encoder(self) -> None:
        model, length = self._source.load_text_encoder(), self._text_length
        config = model.config.to_dict()
        self._write("text_encoder", lambda sizes: graphs.text_encoder(model, sizes, length=length), config=config)

    def _export_vae_decoder(self) -> None:
        vae = self._source.load_vae()
        self._write("vae_decoder", lambda sizes: graphs.vae_decoder(vae, sizes), config=vae.config)

    def _export_vae_encoder(self) -> None:
        vae = self._source.load_vae()
        self._write("vae_encoder", lambda sizes: graphs.vae_encoder(vae, sizes), config=vae.config)

    def _write(
        self, component: str, build: Callable[[graphs.Sizes], graphs.Traceable], *, config: Mapping[str, Any]
    ) -> None:
        layout.write_component_config(self._folder, component, config=config)
        # The VAE's decoder overflows half precision in some models, so it never computes in it.
        settings = self._settings(dtype=self._options.dtype if component == "text_encoder" else "float32")
        traced = trace_component(build, settings)
        for written in write_graph(traced, self._folder / component, settings=settings):
            self._check(written, dtype=settings.dtype)
        if self._packages:
            self._packages.add(traced, tolerance=self._options.allowed_error(settings.dtype))

    def _export_unet(self) -> None:
        unet = self._source.load_unet()
        layout.write_component_config(self._folder, "unet", config=unet.config)
        settings = self._settings(dtype=self._options.dtype)
        traced = trace_component(
            lambda sizes: graphs.unet_deep(unet, self._branches, sizes=sizes, text_length=self._text.max_length),
            settings,
        )
        self._unchecked += write_unet(traced, self._folder / "unet", branches=self._branches, settings=settings)
        if self._packages:
            specs = {written.name: written.spec for written in self._unchecked}
            shallow = {k: specs[f"unet_shallow_{k}"] for k in self._branches}
            self._packages.add_unet(traced, shallow, tolerance=self._options.allowed_error(settings.dtype))

    def _check_written(self) -> None:
        # Exported programs hold reference cycles; torch's weights must go before the session's come.
        gc.collect()
        for written in self._unchecked:
            self._check(written, dtype=self._options.dtype)

    def _check(self, written: Written, *, dtype: DType) -> None:
        error = check_written(written, self._options.allowed_error(dtype))
        if written.form == "plain":
            self._graphs[written.name] = msgspec.structs.replace(written.spec, relative_error=error)
            return
        file = written.path.relative_to(self._folder).as_posix()
        how: Literal["run", "expansion"] = "expansion" if written.form == "fused" else "run"
        graph = FormGraph(file=file, relative_error=error, checked=how)
        self._forms.setdefault(written.form, {})[written.name] = graph

    def _write_loop(self) -> None:
        self._loop = write_loop_graphs(self._folder / "loop", features=output_dtype("feature_", self._options.dtype))

    def _write_manifest(self) -> None:
        found = sorted(path for path in self._folder.rglob("*") if path.is_file())
        prefix = "unet_shallow_"
        shallow = {name.removeprefix(prefix): g for name, g in self._graphs.items() if name.startswith(prefix)}
        manifest = Manifest(
            schema_version=1,
            model=self._model,
            text=self._text,
            graphs=GraphSpecs(
                text_encoder=self._graphs["text_encoder"],
                unet_deep=self._graphs["unet_deep"],
                unet_shallow=shallow,
                vae_decoder=self._graphs["vae_decoder"],
                vae_encoder=self._graphs["vae_encoder"],
            ),
            schedules=self._schedules,
            loop=self._loop,
            files={path.relative_to(self._folder).as_posix(): describe_file(path) for path in found},
            provenance=self._provenance(),
            inductor=self._packages.spec() if self._packages else None,
            forms={form: FormSpec(providers=providers_of(form), graphs=graphs) for form, graphs in self._forms.items()},
            providers=providers_in(self._options.dtype),
        )
        write_manifest(self._folder, manifest)

    def _provenance(self) -> Provenance:
        origin, options = self._source.origin, self._options
        return Provenance(
            source=origin.source,
            revision=origin.revision,
            weights=origin.weights,
            seed=origin.seed,
            packages={name: _version(name) for name in _STAMPED_PACKAGES},
            options={
                "dtype": options.dtype,
                "opset": options.operator_set,
                "static": options.static is not None,
                "max_steps": options.max_steps,
            },
        )

    def _settings(self, *, dtype: DType) -> Settings:
        return Settings(
            opset=self._options.operator_set,
            is_static=self._options.static is not None,
            trace_sizes=self._sizes.to_trace,
            check_sizes=self._sizes.to_check,
            flops_sizes=self._sizes.symbols,
            dtype=dtype,
            forms=self._options.forms,
        )


def _smaller_parts(source: Source, folder: Path, options: ExportOptions) -> Parts:
    """What the helper does: all graphs but the UNet's."""
    return _Export(source, folder, options).smaller_parts()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
