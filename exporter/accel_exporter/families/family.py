"""What an export asks of a family of pipelines: its graphs, and what the manifest says of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from accel_exporter.graphs import Sizes, Traceable
from accel_exporter.options import ExportOptions
from accel_exporter.sizes import ModelSizes
from accel_exporter.sources import Source
from accel_runtime.manifest import Codec, Denoiser, State


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """A model in memory.

    Attributes:
        config: Its config in diffusers or transformers.
        build: Makes what is traced, at given sizes.
        model_hash: Hash of a denoiser; None of other models.
    """

    config: Mapping[str, Any]
    build: Callable[[Sizes], Traceable]
    model_hash: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Component:
    """A graph beside the denoiser's.

    Attributes:
        name: Name of the graph, and of its folder in the bundle.
        title: What a progress bar shows.
        load: Loads the model.
        is_codec: Codecs have a precision of their own, since some overflow half precision.
    """

    name: str
    title: str
    load: Callable[[], Loaded]
    is_codec: bool = False


class Family(Protocol):
    """One kind of pipeline. docs/design/0017-roles.md has a table of what further families need."""

    def tokenizers(self, source: Source) -> Mapping[str, str]:
        """By text encoder's graph, the part of the pipeline that is its tokenizer."""

    def check(self, source: Source) -> None:
        """Whether the parts of a pipeline fit each other, as far as configs tell.

        Raises:
            ExportError: They do not.
        """

    def branches(self, source: Source) -> int:
        """How many branches the denoiser has."""

    def sizes(self, source: Source, options: ExportOptions) -> ModelSizes:
        """The sizes to trace, check and describe graphs with."""

    def components(self, source: Source) -> tuple[Component, ...]:
        """The graphs beside the denoiser's."""

    def load_denoiser(self, source: Source, branches: Sequence[int]) -> Loaded:
        """The deep pass."""

    def state(self, source: Source, sizes: ModelSizes) -> State:
        """What the loop denoises."""

    def denoiser(self, source: Source, branches: Sequence[int]) -> Denoiser:
        """The roles of the denoiser's graphs and tensors."""

    def encoder(self, source: Source) -> Codec | None:
        """What makes a state of pixels."""

    def decoder(self, source: Source) -> Codec | None:
        """What makes pixels of a state."""
