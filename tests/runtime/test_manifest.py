"""The manifest: strict, and every complaint names file and key."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from accel_runtime.errors import BundleError
from accel_runtime.manifest import Manifest, encode_manifest, parse_manifest, read_manifest

SHA = "0" * 64
Document = dict[str, Any]


def graph(file: str, inputs: list[str], outputs: list[str]) -> Document:
    def tensor(name: str) -> Document:
        return {"name": name, "dtype": "float32", "shape": ["batch", 4, "latent_height", "latent_width"]}

    return {
        "file": file,
        "inputs": [tensor(name) for name in inputs],
        "outputs": [tensor(name) for name in outputs],
        "parameters": 10,
        "flops": 20,
        "relative_error": 1e-6,
    }


def document() -> Document:
    """A manifest that holds together."""
    graphs = {
        "text_encoder": graph("text_encoder/model.onnx", ["input_ids"], ["last_hidden_state"]),
        "unet_deep": graph("unet/model.onnx", ["sample"], ["out_sample", "feature_0"]),
        "unet_shallow": {"0": graph("unet/shallow_0.onnx", ["sample", "feature_0"], ["out_sample"])},
        "vae_decoder": graph("vae_decoder/model.onnx", ["latent_sample"], ["sample"]),
        "vae_encoder": graph("vae_encoder/model.onnx", ["sample"], ["latent_parameters"]),
    }
    files = [
        *(each["file"] for name, each in graphs.items() if name != "unet_shallow"),
        "unet/shallow_0.onnx",
        "tokenizer/tokenizer.json",
        "schedules/ddim.safetensors",
    ]
    return {
        "schema_version": 1,
        "model": {
            "pipeline_class": "StableDiffusionPipeline",
            "latent_channels": 4,
            "latent_scale": 8,
            "scaling_factor": 0.18215,
            "sample_size": [512, 512],
            "size_multiple": 64,
        },
        "text": {"tokenizer": "tokenizer/tokenizer.json", "table": None, "max_length": 77, "pad_id": 0},
        "graphs": graphs,
        "schedules": {"default": "ddim", "files": {"ddim": "schedules/ddim.safetensors"}},
        "files": {path: {"size": 1, "sha256": SHA} for path in files},
        "provenance": {
            "source": "x/y",
            "revision": None,
            "weights": "trained",
            "seed": None,
            "packages": {},
            "options": {},
        },
    }


def parse(changed: Document) -> Manifest:
    return parse_manifest(msgspec.json.encode(changed), Path("b/accel.json"))


def test_a_whole_manifest_survives_writing_and_reading() -> None:
    manifest = parse(document())

    assert parse_manifest(encode_manifest(manifest), Path("b/accel.json")) == manifest


def _add_packages(d: Document) -> None:
    names = ["text_encoder", "unet_deep", "unet_shallow_0", "vae_decoder", "vae_encoder"]
    graphs = {
        name: {"file": f"inductor/{name}.pt2", "weights": "inductor/w.safetensors", "relative_error": 1e-6}
        for name in names
    }
    for path in ("inductor/w.safetensors", *(package["file"] for package in graphs.values())):
        d["files"][str(path)] = {"size": 1, "sha256": SHA}
    d["inductor"] = {"device": "cpu", "torch": "2.13.0", "graphs": graphs}


def _break_packages(change: Callable[[Document], object]) -> Callable[[Document], None]:
    def both(d: Document) -> None:
        _add_packages(d)
        change(d)

    return both


def test_packages_are_a_part_that_a_manifest_may_lack() -> None:
    plain, packaged = document(), document()
    _add_packages(packaged)
    inductor = parse(packaged).inductor

    assert inductor is not None
    assert inductor.graphs["unet_deep"].file == "inductor/unet_deep.pt2"
    assert parse(plain).inductor is None
    assert b"inductor" not in encode_manifest(parse(plain))


def _rename_file(path: str) -> Callable[[Document], None]:
    def change(d: Document) -> None:
        d["files"][path] = d["files"].pop("unet/model.onnx")
        d["graphs"]["unet_deep"]["file"] = path

    return change


BROKEN: dict[str, tuple[Callable[[Document], object], str]] = {
    "unknown key": (lambda d: d.update(colour=1), "unknown field `colour`"),
    "unknown key inside": (lambda d: d["model"].update(x=1), "model: .*unknown field `x`"),
    "missing key": (lambda d: d["text"].pop("pad_id"), "text: .*missing required field `pad_id`"),
    "wrong type": (lambda d: d["text"].update(pad_id="0"), "text.pad_id: Expected `int`, got `str`"),
    "wrong type deep inside": (
        lambda d: d["graphs"]["unet_deep"]["inputs"][0].update(dtype="float7"),
        r"graphs.unet_deep.inputs\[0\].dtype: Invalid enum value 'float7'",
    ),
    "negative size": (lambda d: d["files"]["unet/model.onnx"].update(size=-1), "size: Expected `int` >= 0"),
    "bad hash": (
        lambda d: d["files"]["unet/model.onnx"].update(sha256="abc"),
        "sha256: Expected `str` matching",
    ),
    "future version": (lambda d: d.update(schema_version=2), "schema_version: expected 1, got 2"),
    "parent path": (_rename_file("../model.onnx"), "must be a plain relative path"),
    "absolute path": (_rename_file("/etc/passwd"), "must be a plain relative path"),
    "hidden parent path": (_rename_file("unet/../../x"), "must be a plain relative path"),
    "windows path": (_rename_file("C:\\x"), "must be a plain relative path"),
    "unlisted file": (lambda d: d["files"].pop("unet/shallow_0.onnx"), "unet_shallow_0.file.*not listed"),
    "branch that is no number": (
        lambda d: d["graphs"]["unet_shallow"].update(x=d["graphs"]["unet_shallow"].pop("0")),
        "expected a branch number as key, got 'x'",
    ),
    "branch without feature": (
        lambda d: d["graphs"]["unet_shallow"].update({"3": d["graphs"]["unet_shallow"]["0"]}),
        "no output 'feature_3'",
    ),
    "a graph without its package": (
        _break_packages(lambda d: d["inductor"]["graphs"].pop("unet_shallow_0")),
        "inductor.graphs: expected text_encoder, unet_deep, unet_shallow_0",
    ),
    "a package that is not listed": (
        _break_packages(lambda d: d["files"].pop("inductor/unet_deep.pt2")),
        "inductor.graphs.unet_deep.file.*not listed",
    ),
    "weights that are not listed": (
        _break_packages(lambda d: d["files"].pop("inductor/w.safetensors")),
        "inductor.graphs.text_encoder.weights.*not listed",
    ),
    "an unknown device": (_break_packages(lambda d: d["inductor"].update(device="tpu")), "inductor.device: Invalid"),
    "an unknown key of packages": (_break_packages(lambda d: d["inductor"].update(x=1)), "unknown field `x`"),
    "default without table": (lambda d: d["schedules"].update(default="euler"), "no table for 'euler'"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_malformed_manifest_is_one_line_that_names_file_and_key(name: str) -> None:
    change, message = BROKEN[name]
    broken = document()
    change(broken)
    with pytest.raises(BundleError, match=message) as caught:
        parse(broken)

    assert str(caught.value).startswith("b/accel.json: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff\xfe", b"null", b'{"schema_version": "one"}'])
def test_bytes_that_are_no_manifest_are_refused_in_one_line(raw: bytes) -> None:
    with pytest.raises(BundleError, match=r"b/accel\.json: ") as caught:
        parse_manifest(raw, Path("b/accel.json"))

    assert "\n" not in str(caught.value)


def test_a_folder_without_a_manifest_is_not_a_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="not a bundle"):
        read_manifest(tmp_path)
