"""Small manifests for libFuzzer, each with other parts: their graphs exist nowhere, but fit each other."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

Document = dict[str, Any]
Tensors = Mapping[str, Sequence[int | str]]

_SHA: Final = "0" * 64
_STATE: Final = ("batch", 3, "latent_height", "latent_width")
_LATENT: Final = ("batch", 4, "latent_height", "latent_width")
_PIXELS: Final = ("batch", 3, "height", "width")
_LOOP: Final = ("advance_guided", "advance_unguided", "advance_plain", "forecast_2", "forecast_3")
_WORDS: Final = ("batch", 7, 2)


def manifests() -> dict[str, Document]:
    """By name."""
    return {"bare": _bare(), "prompts": _prompts(), "parts": _parts(), "steered": _steered(), "classes": _classes()}


def _graph(name: str, inputs: Tensors, outputs: Tensors) -> Document:
    def tensors(all_of_them: Tensors) -> list[Document]:
        return [
            {"name": each, "dtype": "int64" if each == "ids" else "float32", "shape": list(shape)}
            for each, shape in all_of_them.items()
        ]

    made: Document = {"file": f"{name}.onnx", "inputs": tensors(inputs), "outputs": tensors(outputs)}
    return made | {"parameters": 1, "flops": 1, "relative_error": 0}


def _unet(state: Sequence[int | str], **inputs: Sequence[int | str]) -> Document:
    """A deep and a shallow graph with some inputs beside sample and timestep."""
    given = {"sample": state, "timestep": (1,), **inputs}
    return {
        "deep": _graph("deep", given, {"out_sample": state, "f": state}),
        "thin": _graph("thin", {"sample": state, "f": state}, {"out_sample": state}),
    }


def _manifest(graphs: Document, *, inputs: Sequence[Document] = (), **parts: Any) -> Document:
    """A whole one, of a model whose state is the picture unless ``parts`` say otherwise."""
    denoiser = {"deep": "deep", "shallow": {"0": {"graph": "thin", "feature": "f"}}, "inputs": list(inputs)}
    document: Document = {
        "schema_version": 2,
        "dtype": "float32",
        "state": {"channels": 3, "scale": 1, "sample_size": [8, 8], "multiple": 1},
        "graphs": graphs,
        "denoiser": denoiser | parts.pop("denoiser", {}),
        "texts": {},
        "encoder": None,
        "decoder": None,
        "schedules": {"default": "ddim", "files": {"ddim": "ddim.safetensors"}},
        "provenance": {
            "source": "x",
            "pipeline_class": "P",
            "revision": None,
            "weights": "random",
            "seed": None,
            "packages": {"a": "1"},
            "options": {},
        },
        **parts,
    }
    document["files"] = {path: {"size": 1, "sha256": _SHA} for path in sorted(set(_paths(document)))}
    return document


def _paths(part: Any) -> Iterator[str]:
    """Every text of a document that is the path of a file."""
    if isinstance(part, str) and part.endswith((".onnx", ".safetensors", ".json", ".pt2")):
        yield part
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from _paths(inner)


def _bare() -> Document:
    return _manifest(_unet(_STATE), denoiser={"guidance": "none"})


def _prompts() -> Document:
    """A model with prompts, sizes and both codecs."""
    graphs = {
        "clip": _graph("clip", {"ids": ("batch", 7)}, {"hidden": _WORDS, "pooled": ("batch", 2)}),
        **_unet(_LATENT, text=_WORDS, pooled=("batch", 2), sizes=("batch", 6)),
        "encoder": _graph("encoder", {"pixels": _PIXELS}, {"moments": ("batch", 8, "latent_height", "latent_width")}),
        "decoder": _graph("decoder", {"latents": _LATENT}, {"pixels": _PIXELS}),
    }
    hidden, pooled = ({"encoder": "clip", "tensor": name} for name in ("hidden", "pooled"))
    inputs = [
        {"name": "text", "source": {"from": "text", "outputs": [hidden]}, "negative": "zeros"},
        {
            "name": "pooled",
            "source": {"from": "text", "outputs": [pooled], "negative_outputs": [pooled]},
            "negative": "negative",
        },
        {"name": "sizes", "source": {"from": "sizes", "ends": "target_size"}, "negative": "negative"},
    ]
    return _manifest(
        graphs,
        inputs=inputs,
        state={"channels": 4, "scale": 8, "sample_size": [64, 64], "multiple": 8},
        texts={"clip": {"tokenizer": "tokenizer.json", "table": "table.safetensors", "max_length": 7, "pad_id": 0}},
        encoder={"graph": "encoder", "scale": 0.5, "shift": 0.1, "gives": "moments"},
        decoder={"graph": "decoder", "scale": 0.5, "gives": "sample"},
    )


def _parts() -> Document:
    """What a bundle may have beside its plain graphs."""

    def files(suffix: str, **more: str) -> Document:
        return {name: {"file": f"{name}{suffix}", "relative_error": 0, **more} for name in ("deep", "thin")}

    document = _manifest(
        _unet(_STATE, scale=("batch", 4)),
        inputs=[{"name": "scale", "source": {"from": "guidance"}}],
        denoiser={"guidance": "input", "sample": "sample", "timestep": "timestep", "noise": "out_sample"},
        loop={name: f"{name}.onnx" for name in _LOOP} | {"version": 2},
        inductor={"device": "cpu", "torch": "2", "graphs": files(".pt2", weights="w.safetensors")},
        forms={"attention": files("-attention.onnx", checked="run")},
        plans={"fast": "fast.json"},
        codec_dtype="float32",
        int8={"kind": "mixed", "layers": ["a"], "kept": [], "psnr": 40.5},
    )
    added = {"kind": "lora", "name": "l", "sha256": _SHA, "scale": 1.0, "words": []}
    document["provenance"] |= {"adaptations": [added], "model": _SHA}
    return document


def _steered() -> Document:
    """A model that fills in masks and takes a control image."""
    graphs = {
        **_unet(_STATE, mask=("batch", 1, "latent_height", "latent_width"), masked=_STATE, edges=_STATE, strong=(1,)),
        "control": _graph("control", {"pixels": _PIXELS}, {"made": _STATE}),
        "encoder": _graph("encoder", {"pixels": _PIXELS}, {"sample": _STATE}),
    }
    sources: dict[str, Document] = {
        "mask": {"from": "mask"},
        "masked": {"from": "masked_image"},
        "edges": {"from": "control", "graph": "control"},
        "strong": {"from": "control_scales"},
    }
    inputs = [{"name": name, "source": source, "negative": "same"} for name, source in sources.items()]
    return _manifest(graphs, inputs=inputs, encoder={"graph": "encoder", "gives": "sample"})


def _classes() -> Document:
    """A model that draws classes, with graphs that merge tokens."""
    graphs = _unet(_STATE, label=("batch",))
    for name in ("deep", "thin"):
        graphs[f"merging-{name}"] = graphs[name] | {"file": f"merging-{name}.onnx"}
    merging = {"0.5": {"deep": "merging-deep", "shallow": {"0": "merging-thin"}}}
    inputs = [{"name": "label", "source": {"from": "labels", "classes": 5}}]
    return _manifest(graphs, inputs=inputs, denoiser={"guidance": "none", "tome": merging})
