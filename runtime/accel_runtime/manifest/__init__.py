"""The manifest `accel.json`: what a bundle holds, parsed strictly.

The schema is the tree of classes below. An unknown key, a wrong type, a path that leaves the
folder or an unknown schema version is a `BundleError` that names the file and the key.

Schema history:
    1  first version
"""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, Final, Literal

import msgspec

from accel_runtime.durable import put_aside
from accel_runtime.errors import BundleError
from accel_runtime.reading import read_document

MANIFEST_NAME = "accel.json"
MANIFEST_DIGEST_NAME = f"{MANIFEST_NAME}.sha256"
SCHEMA_VERSION = 1
# A thousand times what the largest has.
_LARGEST_MANIFEST: Final = 16 * 2**20

# A dimension that is no number: a symbol, a multiple of it, or a fraction.
DIMENSION: Final = re.compile(
    r"(?:(?P<times>[1-9][0-9]{0,5})\*)?(?P<symbol>[a-z_]{1,40})(?:/(?P<over>[1-9][0-9]{0,5}))?"
)
# Pixels. No picture format that people use has longer ones, and no arithmetic with them overflows.
LONGEST_SIDE: Final = 2**14

Device = Literal["cpu", "cuda"]
ExtraForm = Literal["fused", "native"]
Form = Literal["plain", ExtraForm]
DType = Literal["float32", "float16", "bfloat16", "int64", "int32"]
# What the numbers of a manifest may be: far more than any model has, and little enough to be reckoned with.
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Amount = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
Extent = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
Few = Annotated[int, msgspec.Meta(ge=1, le=2**16)]
Side = Annotated[int, msgspec.Meta(ge=1, le=LONGEST_SIDE)]
TokenId = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
Error = Annotated[float, msgspec.Meta(ge=0)]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The base of every part of the manifest."""


class TensorSpec(_Strict, frozen=True):
    """An input or output of a graph; a dimension is a number or a symbol."""

    name: str
    dtype: DType
    shape: Annotated[tuple[Extent | str, ...], msgspec.Meta(max_length=8)]

    def __post_init__(self) -> None:
        for dimension in self.shape:
            if isinstance(dimension, str) and not DIMENSION.fullmatch(dimension):
                raise ValueError(
                    f"{dimension[:60]!r} is no dimension: expected a number or a term such as 4*latent_height"
                )


class GraphSpec(_Strict, frozen=True):
    """One ONNX graph, its contract and what it costs.

    Attributes:
        file: Path in the bundle.
        parameters: Elements of all initializers that count as weights.
        flops: 2 × multiply-accumulates of one call at batch 1 and the model's own size.
        relative_error: Largest difference to torch at export, over the largest output.
    """

    file: str
    inputs: Annotated[tuple[TensorSpec, ...], msgspec.Meta(min_length=1, max_length=64)]
    outputs: Annotated[tuple[TensorSpec, ...], msgspec.Meta(min_length=1, max_length=64)]
    parameters: Amount
    flops: Amount
    relative_error: Error

    def input(self, name: str) -> TensorSpec:
        """The input called ``name``."""
        return _named(self.inputs, name)

    def output(self, name: str) -> TensorSpec:
        """The output called ``name``."""
        return _named(self.outputs, name)


class GraphSpecs(_Strict, frozen=True):
    """All graphs of a bundle; `unet_shallow` is keyed by branch."""

    text_encoder: GraphSpec
    unet_deep: GraphSpec
    unet_shallow: dict[str, GraphSpec]
    vae_decoder: GraphSpec
    vae_encoder: GraphSpec

    def items(self) -> tuple[tuple[str, GraphSpec], ...]:
        """Every graph with its name, in the order in which an image needs them."""
        shallow = sorted(self.unet_shallow.items(), key=lambda item: int(item[0]))
        return (
            ("text_encoder", self.text_encoder),
            ("unet_deep", self.unet_deep),
            *((f"unet_shallow_{k}", graph) for k, graph in shallow),
            ("vae_decoder", self.vae_decoder),
            ("vae_encoder", self.vae_encoder),
        )


class LoopSpec(_Strict, frozen=True, omit_defaults=True):
    """The loop's own graphs, for backends with memory of their own (docs/design/0008-device-loop.md).

    Attributes:
        version: Of what they take and give (`accel_runtime.loop_contract`).
        pixels: None in the oldest bundles.
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


class FormGraph(_Strict, frozen=True):
    """One graph in another form; its contract is that of the plain graph of the same name.

    Attributes:
        file: Path in the bundle.
        relative_error: Largest difference to torch at export, over the largest output.
        checked: How: the graph itself was `run`, or, where no CPU can run it, its `expansion` into standard operators.
    """

    file: str
    relative_error: Error
    checked: Literal["run", "expansion"]


class FormSpec(_Strict, frozen=True):
    """All graphs in a form other than plain (docs/design/0009-graph-forms.md).

    Attributes:
        providers: The backends that may run them, by name.
        graphs: Keyed as `GraphSpecs.items` names the graphs; every graph is there.
    """

    providers: tuple[str, ...]
    graphs: dict[str, FormGraph]


class InductorGraph(_Strict, frozen=True):
    """One graph as an AOTInductor package; its contract is that of the ONNX graph of the same name.

    Attributes:
        file: The package's path in the bundle.
        weights: The file its constants are loaded from; graphs of one component share it.
        relative_error: Largest difference to torch at export, over the largest output.
    """

    file: str
    weights: str
    relative_error: Error


class InductorSpec(_Strict, frozen=True):
    """The AOTInductor packages of a bundle.

    Attributes:
        device: What they were compiled for; `cuda` is also torch's name for AMD's GPUs.
        torch: The version that compiled them, and the only one that runs them.
        graphs: Keyed as `GraphSpecs.items` names the graphs; every graph is there.
    """

    device: Device
    torch: str
    graphs: dict[str, InductorGraph]


class ModelSpec(_Strict, frozen=True):
    """The facts of the pipeline that the loop needs.

    Attributes:
        latent_channels: Channels of the latents.
        latent_scale: Pixels per latent in each direction.
        scaling_factor: Latents are divided by this before the VAE decodes them.
        sample_size: (height, width) in pixels that the model was made for.
        size_multiple: Height and width must be multiples of this many pixels.
    """

    pipeline_class: str
    latent_channels: Few
    latent_scale: Few
    scaling_factor: Annotated[float, msgspec.Meta(ge=1e-6, le=1e6)]
    sample_size: tuple[Side, Side]
    size_multiple: Side


class TextSpec(_Strict, frozen=True):
    """How a prompt becomes ids.

    Attributes:
        tokenizer: What the `tokenizers` library reads.
        table: The same for a reader without libraries (docs/tokenizer-table.md); None where it is not CLIP's.
        max_length: Ids of a prompt, begin and end included.
        pad_id: What fills up the rest.
    """

    tokenizer: str
    table: str | None
    max_length: Annotated[int, msgspec.Meta(ge=2, le=2**16)]
    pad_id: TokenId


class SchedulesSpec(_Strict, frozen=True):
    """The compiled schedule tables: scheduler name → file, and the pipeline's own scheduler."""

    default: str
    files: dict[str, str]


class FileSpec(_Strict, frozen=True):
    """Size and hash of one file of the bundle."""

    size: Count
    sha256: Sha256


class Provenance(_Strict, frozen=True):
    """Where the bundle comes from. Images of `random` weights mean nothing; only their timing does."""

    source: str
    revision: str | None
    weights: Literal["trained", "random"]
    seed: int | None
    packages: dict[str, str]
    options: dict[str, str | int | bool | None]


class Manifest(_Strict, frozen=True, omit_defaults=True):
    """The whole of `accel.json`. What follows `provenance` is left out where there is none, as in older bundles.

    Attributes:
        loop: The loop's own graphs.
        inductor: AOTInductor packages.
        forms: Graphs in other forms than plain.
        providers: The backends that can compute in the bundle's precision, by name; empty where all can.
    """

    schema_version: Literal[1]
    model: ModelSpec
    text: TextSpec
    graphs: GraphSpecs
    schedules: SchedulesSpec
    files: Annotated[dict[str, FileSpec], msgspec.Meta(max_length=100_000)]
    provenance: Provenance
    loop: LoopSpec | None = None
    inductor: InductorSpec | None = None
    forms: dict[ExtraForm, FormSpec] = {}
    providers: tuple[str, ...] = ()

    @property
    def branches(self) -> tuple[int, ...]:
        """The branches that have a shallow graph, ascending."""
        return tuple(sorted(int(k) for k in self.graphs.unet_shallow))

    @property
    def features(self) -> DType:
        """Precision of the UNet's features. The noise comes first; a bundle without branches forecasts nothing."""
        return self.graphs.unet_deep.outputs[-1].dtype

    def __post_init__(self) -> None:
        for k in self.graphs.unet_shallow:
            self._check_branch(k)
        if self.inductor is not None:
            self._check_complete("inductor", self.inductor.graphs)
        for form, spec in self.forms.items():
            self._check_complete(f"forms.{form}", spec.graphs)
        for path in self.files:
            _check_path(path, key="files")
        for key, path, ending in self._references():
            if path not in self.files:
                raise ValueError(f"{key}: {path!r} is not listed under `files`")
            if not path.endswith(ending):
                raise ValueError(f"{key}: expected a name that ends in {ending}, got {path!r}")
        if self.schedules.default not in self.schedules.files:
            raise ValueError(f"schedules.default: no table for {self.schedules.default!r}")

    def _references(self) -> tuple[tuple[str, str, str], ...]:
        """Key, the file that it names, and how that must end: backends choose by it how they read a file."""
        return (
            *((f"graphs.{name}.file", graph.file, ".onnx") for name, graph in self.graphs.items()),
            *((f"schedules.files.{name}", path, "") for name, path in self.schedules.files.items()),
            ("text.tokenizer", self.text.tokenizer, ""),
            *([("text.table", self.text.table, "")] if self.text.table else []),
            *((f"loop.{name}", path, ".onnx") for name, path in (self.loop.items() if self.loop else ())),
            *(_package_references(self.inductor) if self.inductor else ()),
            *(
                (f"forms.{form}.graphs.{name}.file", graph.file, ".onnx")
                for form, spec in self.forms.items()
                for name, graph in spec.graphs.items()
            ),
        )

    def _check_complete(self, key: str, graphs: Iterable[str]) -> None:
        expected = [name for name, _ in self.graphs.items()]
        if sorted(graphs) != sorted(expected):
            raise ValueError(f"{key}.graphs: expected {', '.join(expected)}, got {', '.join(graphs)}")

    def _check_branch(self, k: str) -> None:
        if not re.fullmatch(r"0|[1-9][0-9]{0,3}", k):
            raise ValueError(f"graphs.unet_shallow: expected a branch number as key, got {k!r}")
        outputs = [tensor.name for tensor in self.graphs.unet_deep.outputs]
        if feature_name(int(k)) not in outputs:
            raise ValueError(f"graphs.unet_shallow.{k}: the deep graph has no output {feature_name(int(k))!r}")


def feature_name(branch: int) -> str:
    """The tensor that the deep pass hands out and the shallow pass of ``branch`` takes in."""
    return f"feature_{branch}"


def encode_manifest(manifest: Manifest) -> bytes:
    """The bytes of `accel.json`: sorted, indented, the same for the same bundle."""
    return msgspec.json.format(msgspec.json.encode(manifest, order="sorted"), indent=2) + b"\n"


def read_manifest(folder: Path) -> Manifest:
    """Parse the manifest of the bundle in ``folder``.

    Raises:
        BundleError: There is no bundle, or the manifest is malformed; names file and key.
    """
    return parse_manifest(read_manifest_bytes(folder), folder / MANIFEST_NAME)


def read_manifest_bytes(folder: Path) -> bytes:
    """The bytes of the manifest of the bundle in ``folder``.

    Raises:
        BundleError: There is no bundle, or its manifest cannot be read.
    """
    path = folder / MANIFEST_NAME
    if not os.path.lexists(path):
        aside = put_aside(folder)
        if aside is not None:
            raise BundleError(f"{folder}: an export that was killed left it as {aside}: rename that to {folder.name}")
        raise BundleError(f"{folder}: not a bundle, it has no {MANIFEST_NAME}: make one with `accel export`")
    return read_document(path, limit=_LARGEST_MANIFEST)


def parse_manifest(raw: bytes, path: Path) -> Manifest:
    """Parse the bytes of a manifest; ``path`` is only for messages."""
    try:
        _check_version(msgspec.json.decode(raw, type=_Versioned).schema_version, path)
        return msgspec.json.decode(raw, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BundleError(f"{path}: {_as_key(str(error))}") from error
    except RecursionError:
        raise BundleError(f"{path}: nested too deeply") from None


class _Versioned(msgspec.Struct, frozen=True):
    """Of a manifest of any version, the version."""

    schema_version: int | str | float | None = SCHEMA_VERSION


def _check_version(version: object, path: Path) -> None:
    if isinstance(version, int) and version != SCHEMA_VERSION:
        raise BundleError(
            f"{path}: schema_version: expected {SCHEMA_VERSION}, got {version}: "
            "export the bundle again with this version of accel"
        )


def _package_references(inductor: InductorSpec) -> Iterator[tuple[str, str, str]]:
    for name, graph in inductor.graphs.items():
        yield f"inductor.graphs.{name}.file", graph.file, ".pt2"
        yield f"inductor.graphs.{name}.weights", graph.weights, ".safetensors"


def _as_key(message: str) -> str:
    """Turn msgspec's "… - at `$.a.b`" into "a.b: …"."""
    text, _, location = message.partition(" - at `$")
    key = location.rstrip("`").lstrip(".")
    return f"{key}: {text}" if key else text


def _check_path(path: str, *, key: str) -> None:
    pure = PurePosixPath(path)
    is_plain = path.isprintable() and not pure.is_absolute() and not {"\\", ":"} & set(path)
    if not path or not is_plain or ".." in pure.parts or str(pure) != path or len(path) > 1000:
        raise ValueError(f"{key}: {path!r} must be a plain relative path inside the bundle")


def _named(tensors: tuple[TensorSpec, ...], name: str) -> TensorSpec:
    for tensor in tensors:
        if tensor.name == name:
            return tensor
    raise BundleError(f"graph has no tensor {name!r}, only {', '.join(t.name for t in tensors)}")
