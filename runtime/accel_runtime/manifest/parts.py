"""The parts of the manifest beside graphs and their roles."""

from typing import Annotated, Literal

import msgspec

from accel_runtime.manifest.basics import Amount, Count, Device, Error, Few, Figure, Sha256, Strict, Word


class LoopSpec(Strict, frozen=True, omit_defaults=True):
    """The loop's own graphs, for backends with memory of their own (docs/design/0008-device-loop.md).

    Attributes:
        version: Version of what the graphs take and give (`accel_runtime.bundle.loop_contract`).
        pixels: The graph that makes pixels; None where there is none.
    """

    advance_guided: str
    advance_unguided: str
    advance_plain: str
    forecast_2: str
    forecast_3: str
    pixels: str | None = None
    version: Few = 1

    def items(self) -> tuple[tuple[str, str], ...]:
        """Every graph's name and file."""
        named = ((name, getattr(self, name)) for name in self.__struct_fields__ if name != "version")
        return tuple((name, file) for name, file in named if file is not None)


class FormGraph(Strict, frozen=True):
    """One graph in another form (docs/design/0009-graph-forms.md). Its contract is the plain graph's of the same name.

    Attributes:
        file: Path in the bundle.
        relative_error: Largest difference to torch at export, over the largest output.
        checked: How: the graph itself was `run`, or, where no CPU can run it, its `expansion` into standard operators.
    """

    file: str
    relative_error: Error
    checked: Literal["run", "expansion"]


class InductorGraph(Strict, frozen=True):
    """One graph as an AOTInductor package. Its contract is the ONNX graph's of the same name.

    Attributes:
        file: The package's path in the bundle.
        weights: The file that its constants are loaded from; graphs of one component share it.
        relative_error: Largest difference to torch at export, over the largest output.
    """

    file: str
    weights: str
    relative_error: Error


class InductorSpec(Strict, frozen=True):
    """The AOTInductor packages of a bundle.

    Attributes:
        device: Device that they were compiled for; `cuda` is also torch's name for AMD's GPUs.
        torch: The version that compiled them, and the only one that runs them.
        graphs: One package for each graph, by the same names.
    """

    device: Device
    torch: str
    graphs: dict[str, InductorGraph]


class Int8Spec(Strict, frozen=True):
    """What of the denoiser is in int8; all else is in the bundle's precision.

    Attributes:
        kind: `mixed` computes the layers in int8, `weights` only stores their weights so.
        layers: Names of the nodes that are.
        kept: Names of the nodes with weights that are not.
        psnr: Mean over pictures to those of the float32 graphs at export, in dB; None where it was not measured.
    """

    kind: Literal["mixed", "weights"]
    layers: Annotated[tuple[str, ...], msgspec.Meta(max_length=100_000)]
    kept: Annotated[tuple[str, ...], msgspec.Meta(max_length=100_000)]
    psnr: Error | None


class SchedulesSpec(Strict, frozen=True):
    """The compiled schedule tables: scheduler name → file, and the pipeline's own scheduler."""

    default: str
    files: dict[str, str]


class FileSpec(Strict, frozen=True):
    """Size and hash of one file of the bundle."""

    size: Count
    sha256: Sha256


class Adaptation(Strict, frozen=True, omit_defaults=True):
    """A file that changed the model for this export.

    Attributes:
        kind: A LoRA was added to weights, words to the vocabulary, or another autoencoder took the place of the own.
        name: Name of the file or folder.
        sha256: Hash of the file; of a folder, of all that was read in it.
        scale: What a LoRA was multiplied by; None for all else.
        words: The words that were added.
    """

    kind: Literal["lora", "embedding", "vae"]
    name: str
    sha256: Sha256
    scale: float | None = None
    words: tuple[str, ...] = ()


class Provenance(Strict, frozen=True, omit_defaults=True):
    """Where the bundle comes from. Images of `random` weights mean nothing; only their timing does.

    Attributes:
        source: Source of the export: a name on the hub, an alias, or the name of a folder.
        pipeline_class: Its class in diffusers.
        revision: Its commit on the hub.
        weights: Whether the weights are trained.
        seed: The seed of random weights.
        model: Hash of the denoiser's weights, the same in every precision and form; None where the export did not take
            it. docs/design/0021-named-plans.md says what is hashed.
        packages: Versions of the libraries that took part.
        options: Options of the export.
        adaptations: What changed the model, in order.
    """

    source: str
    pipeline_class: str
    revision: str | None
    weights: Literal["trained", "random"]
    seed: int | None
    packages: dict[str, str]
    options: dict[str, str | int | bool | None]
    model: Sha256 | None = None
    adaptations: tuple[Adaptation, ...] = ()


class PlanFigures(Strict, frozen=True, omit_defaults=True):
    """What a search measured of a plan, against the uncached run of the same steps and seeds.

    Attributes:
        speedup: How many times as fast an image was, end to end; of the search's machine.
        score: Name of the score that may be lost.
        score_loss: The share of it that was lost, as a mean over the pictures; negative where it was gained.
        pictures: How many pictures were judged.
        record: Id of the search's record, which has the samples.
        psnr_db: Of their pixels; None where none differed.
    """

    speedup: Figure
    score: Word
    score_loss: Figure
    pictures: Amount
    record: Word
    psnr_db: Figure | None = None
