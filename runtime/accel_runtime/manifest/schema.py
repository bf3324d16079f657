"""The manifest as a whole. An unknown key or a wrong type is an error; so is a part that does not fit another.

Schema history:
    1  one text encoder, one VAE and one UNet, by fixed names
    2  graphs by free names, and their roles
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Final, Literal

import msgspec

from accel_runtime.manifest.basics import CodecPrecision, ExtraForm, GraphSpec, Precision, Strict
from accel_runtime.manifest.check import check_files, check_parts, check_roles
from accel_runtime.manifest.parts import (
    FileSpec,
    FormGraph,
    InductorSpec,
    Int8Spec,
    LoopSpec,
    PlanFigures,
    Provenance,
    SchedulesSpec,
)
from accel_runtime.manifest.roles import (
    Codec,
    Denoiser,
    FromControl,
    FromLabels,
    FromMask,
    FromText,
    Role,
    State,
    TextSpec,
)

SCHEMA_VERSION: Final = 2


class Manifest(Strict, frozen=True, omit_defaults=True, dict=True):
    """The whole of `accel.json`. What follows `provenance` is left out where there is none.

    Attributes:
        dtype: Precision of the denoiser and the text encoders.
        state: The state that the loop denoises.
        graphs: All graphs by name; each has one role.
        denoiser: Which graphs denoise, and what their tensors mean.
        texts: Text encoders by graph; empty where the model takes no prompt.
        encoder: Makes a state of pixels; None where images cannot be started from.
        decoder: Makes pixels of a state; None where the state is the picture.
        loop: The loop's own graphs.
        inductor: AOTInductor packages.
        forms: Graphs in other forms than plain, by form.
        plans: Plan files by the names that `--plan` knows them by.
        codec_dtype: Precision of encoder and decoder.
        plan_figures: What was measured of some of the plans, by name; nothing that is drawn depends on it.
        int8: What of the denoiser is in int8.
    """

    schema_version: Literal[2]
    dtype: Precision
    state: State
    graphs: Annotated[dict[str, GraphSpec], msgspec.Meta(max_length=1000)]
    denoiser: Denoiser
    texts: Annotated[dict[str, TextSpec], msgspec.Meta(max_length=8)]
    encoder: Codec | None
    decoder: Codec | None
    schedules: SchedulesSpec
    files: Annotated[dict[str, FileSpec], msgspec.Meta(max_length=100_000)]
    provenance: Provenance
    loop: LoopSpec | None = None
    inductor: InductorSpec | None = None
    forms: dict[ExtraForm, dict[str, FormGraph]] = msgspec.field(default_factory=dict)
    plans: Annotated[dict[str, str], msgspec.Meta(max_length=1000)] = msgspec.field(default_factory=dict)
    codec_dtype: CodecPrecision = "float32"
    plan_figures: Annotated[dict[str, PlanFigures], msgspec.Meta(max_length=1000)] = msgspec.field(default_factory=dict)
    int8: Int8Spec | None = None

    def __post_init__(self) -> None:
        check_roles(self)
        check_parts(self)
        check_files(self)

    @cached_property
    def roles(self) -> Mapping[str, Role]:
        """Every graph's role by its name, in the order in which an image needs them."""
        shallow = sorted(self.denoiser.shallow.items())
        return {
            **dict.fromkeys(self.texts, Role("text")),
            **dict.fromkeys(self.controls, Role("control")),
            self.denoiser.deep: Role("deep"),
            **{cut.graph: Role("shallow", branch) for branch, cut in shallow},
            **dict(self._merged_roles()),
            **dict(self._gated_roles()),
            **({self.decoder.graph: Role("decoder")} if self.decoder else {}),
            **({self.encoder.graph: Role("encoder")} if self.encoder else {}),
        }

    def _merged_roles(self) -> Iterator[tuple[str, Role]]:
        for tome, graphs in self.denoiser.merged.items():
            yield graphs.deep, Role("deep", tome=tome)
            yield from ((graph, Role("shallow", branch, tome)) for branch, graph in sorted(graphs.shallow.items()))

    def _gated_roles(self) -> Iterator[tuple[str, Role]]:
        if gated := self.denoiser.tgate or None:
            yield gated.keeps, Role("deep", gate="keeps")
            yield gated.deep, Role("deep", gate="gated")
            yield from ((graph, Role("shallow", k, gate="gated")) for k, graph in sorted(gated.shallow.items()))

    @cached_property
    def text_outputs(self) -> Mapping[str, tuple[str, ...]]:
        """By text encoder, the outputs that some input of the denoiser is made of."""
        sources = [each.source for each in self.denoiser.inputs]
        texts = [source for source in sources if isinstance(source, FromText)]
        used = [output for text in texts for output in (*text.outputs, *text.negative_outputs)]
        return {
            name: tuple(dict.fromkeys(output.tensor for output in used if output.encoder == name))
            for name in self.texts
        }

    @property
    def draws_classes(self) -> bool:
        """Whether the denoiser is told which class to draw."""
        return any(isinstance(each.source, FromLabels) for each in self.denoiser.inputs)

    @property
    def deep(self) -> GraphSpec:
        """The graph of the deep pass."""
        return self.graphs[self.denoiser.deep]

    @property
    def controls(self) -> tuple[str, ...]:
        """The graphs that take control images, one of each ControlNet, in the order of a request's controls."""
        sources = (each.source for each in self.denoiser.inputs)
        return tuple(source.graph for source in sources if isinstance(source, FromControl))

    @property
    def takes_mask(self) -> bool:
        """Whether the denoiser was trained to fill in a masked picture, and takes the mask."""
        return any(isinstance(each.source, FromMask) for each in self.denoiser.inputs)

    @property
    def branches(self) -> tuple[int, ...]:
        """The branches that have a shallow graph, ascending."""
        return tuple(sorted(self.denoiser.shallow))

    @property
    def features(self) -> Precision:
        """Precision of the denoiser's features; float32 where there are none."""
        made = {self.deep.output(cut.feature).dtype for cut in self.denoiser.shallow.values()}
        return "float16" if made == {"float16"} else "float32"
