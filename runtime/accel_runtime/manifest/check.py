"""Whether the parts of a manifest fit each other. Each complaint is a `ValueError` that begins with a key."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from accel_runtime.manifest.basics import PLAN_NAME_EXPECTED, GraphSpec, TensorSpec, is_plan_name
from accel_runtime.manifest.parts import InductorSpec
from accel_runtime.manifest.roles import (
    FromControl,
    FromControlScales,
    FromGuidance,
    FromLabels,
    FromMask,
    FromMaskedImage,
    FromSizes,
    FromText,
    Gated,
    Merged,
)

if TYPE_CHECKING:
    from accel_runtime.manifest.schema import Manifest

_COLOURS: Final = 3
# What the negative half may get of inputs that are made of no prompt.
_NEGATIVES: Final[Mapping[type, tuple[str, ...]]] = {
    FromSizes: ("same", "negative"),
    FromGuidance: ("same",),
    FromLabels: ("same",),
    FromMask: ("same",),
    FromMaskedImage: ("same",),
    FromControl: ("same",),
    FromControlScales: ("same",),
}
# Longest name in a message.
_SHOWN: Final = 60


def check_roles(manifest: "Manifest") -> None:
    """Whether every graph has one role, and every role names graphs and tensors that are there.

    Raises:
        ValueError: Names the key.
    """
    graphs, named = manifest.graphs, dict(_named_graphs(manifest))
    for key, name in named.items():
        if name not in graphs:
            raise ValueError(f"{key}: no graph {name!r} under `graphs`, only {', '.join(graphs)}")
    for name, count in Counter([*named.values(), *dict.fromkeys(graphs)]).items():
        if count != 2:
            raise ValueError(f"graphs.{name}: expected one role for it, got {count - 1}")
    for branch, cut in manifest.denoiser.shallow.items():
        key = f"denoiser.shallow.{branch}.feature"
        _check_tensor(manifest.deep.outputs, cut.feature, whose=f"{key}: the deep graph has no output")
        _check_tensor(graphs[cut.graph].inputs, cut.feature, whose=f"{key}: the shallow graph has no input")
    for tome, merged in manifest.denoiser.merged.items():
        _check_merged(f"denoiser.tome.{tome:g}", merged, manifest)
    if manifest.denoiser.tgate:
        _check_gated(manifest.denoiser.tgate, manifest)
    _check_inputs(manifest)


def check_parts(manifest: "Manifest") -> None:
    """Whether state and codecs go together, and every kind of graph is complete.

    Raises:
        ValueError: Names the key.
    """
    state = manifest.state
    if manifest.decoder is None and (state.channels, state.scale) != (_COLOURS, 1):
        raise ValueError(f"decoder: expected one, as a state of {state.channels} channels is no picture")
    if manifest.decoder is not None and manifest.decoder.gives != "sample":
        raise ValueError(f"decoder.gives: expected 'sample', got {manifest.decoder.gives!r}")
    if manifest.inductor is not None:
        _check_complete("inductor.graphs", manifest.inductor.graphs, manifest.graphs)
    for form, graphs in manifest.forms.items():
        _check_complete(f"forms.{form}", graphs, manifest.graphs)
    for name in manifest.plans:
        if not is_plan_name(name):
            raise ValueError(f"plans: expected {PLAN_NAME_EXPECTED}, got {name[:_SHOWN]!r}")
    for name in manifest.plan_figures:
        if name not in manifest.plans:
            raise ValueError(f"plan_figures.{name[:_SHOWN]}: there is no plan of that name")
    if manifest.schedules.default not in manifest.schedules.files:
        raise ValueError(f"schedules.default: no table for {manifest.schedules.default!r}")


def check_files(manifest: "Manifest") -> None:
    """Whether every path stays in the bundle, and every file that is named is listed.

    Raises:
        ValueError: Names the key.
    """
    for path in manifest.files:
        _check_path(path)
    for key, path, ending in _references(manifest):
        if path not in manifest.files:
            raise ValueError(f"{key}: {path!r} is not listed under `files`")
        if not path.endswith(ending):
            raise ValueError(f"{key}: expected a name that ends in {ending}, got {path!r}")


def _named_graphs(manifest: "Manifest") -> Iterator[tuple[str, str]]:
    """Every key that gives a graph a role, and the graph."""
    yield from ((f"texts.{name}", name) for name in manifest.texts)
    yield from ((f"denoiser.inputs: {name}", name) for name in manifest.controls)
    yield "denoiser.deep", manifest.denoiser.deep
    yield from ((f"denoiser.shallow.{k}.graph", cut.graph) for k, cut in manifest.denoiser.shallow.items())
    for tome, merged in manifest.denoiser.merged.items():
        yield f"denoiser.tome.{tome:g}.deep", merged.deep
        yield from ((f"denoiser.tome.{tome:g}.shallow.{k}", graph) for k, graph in merged.shallow.items())
    if gated := manifest.denoiser.tgate or None:
        yield from (("denoiser.tgate.keeps", gated.keeps), ("denoiser.tgate.deep", gated.deep))
        yield from ((f"denoiser.tgate.shallow.{k}", graph) for k, graph in gated.shallow.items())
    codecs = (("decoder", manifest.decoder), ("encoder", manifest.encoder))
    yield from ((f"{key}.graph", codec.graph) for key, codec in codecs if codec is not None)


def _check_merged(key: str, merged: Merged, manifest: "Manifest") -> None:
    """Whether graphs that merge tokens take and give what those do that they stand in for."""
    graphs, shallow = manifest.graphs, manifest.denoiser.shallow
    if merged.shallow.keys() != shallow.keys():
        raise ValueError(f"{key}.shallow: expected the branches {sorted(shallow)}, got {sorted(merged.shallow)}")
    pairs = ((f"shallow.{branch}", name, shallow[branch].graph) for branch, name in merged.shallow.items())
    for part, name, plain in (("deep", merged.deep, manifest.denoiser.deep), *pairs):
        if (graphs[name].inputs, graphs[name].outputs) != (graphs[plain].inputs, graphs[plain].outputs):
            raise ValueError(f"{key}.{part}: expected a graph with the inputs and outputs of {plain}, got {name}")


def _check_gated(gated: Gated, manifest: "Manifest") -> None:
    """Whether the keeping graph makes what gated ones take, and all else is as in the graphs that they stand in for."""
    graphs, denoiser = manifest.graphs, manifest.denoiser
    if gated.shallow.keys() != denoiser.shallow.keys():
        got = sorted(gated.shallow)
        raise ValueError(f"denoiser.tgate.shallow: expected the branches {sorted(denoiser.shallow)}, got {got}")
    keeps, deep = graphs[gated.keeps], graphs[denoiser.deep]
    for name in gated.kept:
        _check_tensor(keeps.outputs, name, whose="denoiser.tgate.kept: the keeping graph has no output")
    kept = tuple(keeps.output(name) for name in gated.kept)
    if (keeps.inputs, keeps.outputs) != (deep.inputs, (*deep.outputs, *kept)):
        expected = f"the inputs and outputs of {denoiser.deep}, then {', '.join(gated.kept)}"
        raise ValueError(f"denoiser.tgate.keeps: expected a graph with {expected}, got {gated.keeps}")
    pairs = ((f"shallow.{k}", name, denoiser.shallow[k].graph) for k, name in gated.shallow.items())
    for part, name, plain in (("deep", gated.deep, denoiser.deep), *pairs):
        known = (*graphs[plain].inputs, *kept)
        if not {*graphs[name].inputs} <= {*known} or graphs[name].outputs != graphs[plain].outputs:
            expected = f"the outputs of {plain}, and of inputs its own and kept ones"
            raise ValueError(f"denoiser.tgate.{part}: expected a graph with {expected}, got {name}")


def _check_inputs(manifest: "Manifest") -> None:
    denoiser = manifest.denoiser
    names = [denoiser.sample, denoiser.timestep, *(each.name for each in denoiser.inputs)]
    for at, each in enumerate(denoiser.inputs):
        key = f"denoiser.inputs[{at}]"
        if names.count(each.name) > 1:
            raise ValueError(f"{key}.name: {each.name!r} is the name of two inputs")
        if isinstance(each.source, FromText):
            _check_text(f"{key}.source", each.source, manifest)
        elif each.negative not in _NEGATIVES[type(each.source)]:
            expected = " or ".join(map(repr, _NEGATIVES[type(each.source)]))
            raise ValueError(f"{key}.negative: expected {expected}, as it is made of no prompt, got {each.negative!r}")
        if isinstance(each.source, FromMaskedImage) and manifest.encoder is None:
            raise ValueError(f"{key}.source: a masked image needs an `encoder`, got none")
    told = [each.name for each in denoiser.inputs if isinstance(each.source, FromGuidance)]
    if (denoiser.guidance == "input") != bool(told):
        raise ValueError(f"denoiser.guidance: got {denoiser.guidance!r}, with {len(told)} inputs made of the guidance")
    scales = [each.name for each in denoiser.inputs if isinstance(each.source, FromControlScales)]
    if len(scales) != bool(manifest.controls):
        raise ValueError(f"denoiser.inputs: got {len(scales)} of control scales for {len(manifest.controls)} controls")
    if unused := sorted(name for name, outputs in manifest.text_outputs.items() if not outputs):
        raise ValueError(f"texts.{unused[0]}: no input of the denoiser takes it")


def _check_text(key: str, source: FromText, manifest: "Manifest") -> None:
    named = (("outputs", source.outputs), ("negative_outputs", source.negative_outputs))
    for at, output in ((f"{key}.{name}[{i}]", each) for name, outputs in named for i, each in enumerate(outputs)):
        if output.encoder not in manifest.texts:
            raise ValueError(f"{at}.encoder: no text encoder {output.encoder!r} under `texts`")
        tensors = manifest.graphs[output.encoder].outputs
        _check_tensor(tensors, output.tensor, whose=f"{at}.tensor: {output.encoder} has no output")


def _check_tensor(tensors: Iterable[TensorSpec], name: str, *, whose: str) -> None:
    if name not in [tensor.name for tensor in tensors]:
        raise ValueError(f"{whose} {name!r}")


def _check_complete(key: str, graphs: Iterable[str], expected: Mapping[str, GraphSpec]) -> None:
    if sorted(graphs) != sorted(expected):
        raise ValueError(f"{key}: expected {', '.join(expected)}, got {', '.join(graphs)}")


def _references(manifest: "Manifest") -> Iterator[tuple[str, str, str]]:
    """Key, the file that it names, and how that must end: backends choose by the ending how they read a file."""
    for name, graph in manifest.graphs.items():
        yield f"graphs.{name}.file", graph.file, ".onnx"
    for name, path in manifest.schedules.files.items():
        yield f"schedules.files.{name}", path, ""
    for name, text in manifest.texts.items():
        yield f"texts.{name}.tokenizer", text.tokenizer, ""
        yield from [(f"texts.{name}.table", text.table, "")] if text.table else ()
    for name, path in manifest.loop.items() if manifest.loop else ():
        yield f"loop.{name}", path, ".onnx"
    for name, path in manifest.plans.items():
        yield f"plans.{name}", path, ".json"
    for form, graphs in manifest.forms.items():
        yield from ((f"forms.{form}.{name}.file", each.file, ".onnx") for name, each in graphs.items())
    yield from _package_references(manifest.inductor) if manifest.inductor else ()


def _package_references(inductor: InductorSpec) -> Iterator[tuple[str, str, str]]:
    for name, graph in inductor.graphs.items():
        yield f"inductor.graphs.{name}.file", graph.file, ".pt2"
        yield f"inductor.graphs.{name}.weights", graph.weights, ".safetensors"


def _check_path(path: str) -> None:
    pure = PurePosixPath(path)
    is_plain = path.isprintable() and not pure.is_absolute() and not {"\\", ":"} & set(path)
    if not path or not is_plain or ".." in pure.parts or str(pure) != path or len(path) > 1000:
        raise ValueError(f"files: {path!r} must be a plain relative path inside the bundle")
