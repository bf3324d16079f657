"""The manifest: strict, and every complaint names file and key."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from accel_runtime.errors import BundleError
from accel_runtime.manifest import Manifest, Role, encode_manifest, parse_manifest, read_manifest

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
        "clip": graph("text/model.onnx", ["input_ids"], ["last_hidden_state"]),
        "deep": graph("unet/model.onnx", ["sample", "text"], ["out_sample", "feature_0"]),
        "thin": graph("unet/shallow_0.onnx", ["sample", "feature_0"], ["out_sample"]),
        "decoder": graph("decoder/model.onnx", ["latent_sample"], ["sample"]),
        "encoder": graph("encoder/model.onnx", ["sample"], ["latent_parameters"]),
    }
    files = [*(each["file"] for each in graphs.values()), "tokenizer/tokenizer.json", "schedules/ddim.safetensors"]
    text = {"from": "text", "outputs": [{"encoder": "clip", "tensor": "last_hidden_state"}]}
    return {
        "schema_version": 2,
        "dtype": "float32",
        "state": {"channels": 4, "scale": 8, "sample_size": [512, 512], "multiple": 64},
        "graphs": graphs,
        "denoiser": {
            "deep": "deep",
            "shallow": {"0": {"graph": "thin", "feature": "feature_0"}},
            "inputs": [{"name": "text", "source": text, "negative": "negative"}],
        },
        "texts": {"clip": {"tokenizer": "tokenizer/tokenizer.json", "table": None, "max_length": 77, "pad_id": 0}},
        "encoder": {"graph": "encoder", "scale": 0.18215, "gives": "moments"},
        "decoder": {"graph": "decoder", "scale": 0.18215},
        "schedules": {"default": "ddim", "files": {"ddim": "schedules/ddim.safetensors"}},
        "files": {path: {"size": 1, "sha256": SHA} for path in files},
        "provenance": {
            "source": "x/y",
            "pipeline_class": "StableDiffusionPipeline",
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


def test_graphs_are_named_as_you_like_and_found_by_their_roles() -> None:
    manifest = parse(document())

    assert manifest.roles == {
        "clip": Role("text"),
        "deep": Role("deep"),
        "thin": Role("shallow", 0),
        "decoder": Role("decoder"),
        "encoder": Role("encoder"),
    }
    assert manifest.deep.file == "unet/model.onnx"
    assert manifest.branches == (0,)


def test_a_model_without_prompt_encoder_and_decoder_has_a_manifest_too() -> None:
    plain = document()
    plain["state"] |= {"channels": 3, "scale": 1}
    plain["denoiser"] |= {"inputs": [], "guidance": "none"}
    plain |= {"texts": {}, "encoder": None, "decoder": None}
    for name in ("clip", "encoder", "decoder"):
        del plain["graphs"][name]

    assert parse(plain).roles == {"deep": Role("deep"), "thin": Role("shallow", 0)}


def _add_packages(d: Document) -> None:
    graphs = {
        name: {"file": f"inductor/{name}.pt2", "weights": "inductor/w.safetensors", "relative_error": 1e-6}
        for name in d["graphs"]
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
    assert inductor.graphs["deep"].file == "inductor/deep.pt2"
    assert parse(plain).inductor is None
    assert b"inductor" not in encode_manifest(parse(plain))


_FIGURES = {"speedup": 2.0, "score": "psnr", "score_loss": 0.1, "pictures": 8, "record": "01ab"}


def _add_plan(d: Document, name: str = "fast", file: str = "plans/fast-01234567.json") -> None:
    d["files"][file] = {"size": 1, "sha256": SHA}
    d["plans"] = {name: file}


def test_plans_are_a_part_that_a_manifest_may_lack() -> None:
    plain, with_plan = document(), document()
    _add_plan(with_plan, "fast-2")

    assert parse(with_plan).plans == {"fast-2": "plans/fast-01234567.json"}
    assert parse(plain).plans == {}
    assert b"plans" not in encode_manifest(parse(plain))


def _rename_file(path: str) -> Callable[[Document], None]:
    def change(d: Document) -> None:
        d["files"][path] = d["files"].pop("unet/model.onnx")
        d["graphs"]["deep"]["file"] = path

    return change


def _add_sizes(d: Document, **changes: str) -> None:
    d["denoiser"]["inputs"].append({"name": "time_ids", "source": {"from": "sizes"}, **changes})


BROKEN: dict[str, tuple[Callable[[Document], object], str]] = {
    "unknown key": (lambda d: d.update(colour=1), "unknown field `colour`"),
    "unknown key inside": (lambda d: d["state"].update(x=1), "state: .*unknown field `x`"),
    "missing key": (lambda d: d["texts"]["clip"].pop("pad_id"), "texts.clip: .*missing required field `pad_id`"),
    "wrong type": (lambda d: d["texts"]["clip"].update(pad_id="0"), "texts.clip.pad_id: Expected `int`, got `str`"),
    "wrong type deep inside": (
        lambda d: d["graphs"]["deep"]["inputs"][0].update(dtype="float7"),
        r"graphs.deep.inputs\[0\].dtype: Invalid enum value 'float7'",
    ),
    "negative size": (lambda d: d["files"]["unet/model.onnx"].update(size=-1), "unet/model.onnx.size: Expected `int`"),
    "bad hash": (
        lambda d: d["files"]["unet/model.onnx"].update(sha256="abc"),
        "sha256: Expected `str` matching",
    ),
    "future version": (lambda d: d.update(schema_version=3), "schema_version: expected 2, got 3"),
    "a precision that is none": (lambda d: d.update(dtype="int64"), "dtype: Invalid enum value 'int64'"),
    "parent path": (_rename_file("../model.onnx"), "must be a plain relative path"),
    "absolute path": (_rename_file("/etc/passwd"), "must be a plain relative path"),
    "hidden parent path": (_rename_file("unet/../../x"), "must be a plain relative path"),
    "windows path": (_rename_file("C:\\x"), "must be a plain relative path"),
    "unlisted file": (lambda d: d["files"].pop("unet/shallow_0.onnx"), "graphs.thin.file.*not listed"),
    "unlisted tokenizer": (lambda d: d["files"].pop("tokenizer/tokenizer.json"), "texts.clip.tokenizer.*not listed"),
    "branch that is no number": (
        lambda d: d["denoiser"]["shallow"].update(x=d["denoiser"]["shallow"].pop("0")),
        "denoiser.shallow: Expected `int`, got `str`",
    ),
    "branch without feature": (
        lambda d: d["denoiser"]["shallow"]["0"].update(feature="feature_3"),
        "denoiser.shallow.0.feature: the deep graph has no output 'feature_3'",
    ),
    "a shallow graph that takes no feature": (
        lambda d: d["graphs"]["thin"].update(inputs=d["graphs"]["decoder"]["inputs"]),
        "denoiser.shallow.0.feature: the shallow graph has no input 'feature_0'",
    ),
    "a graph that is not there": (lambda d: d["denoiser"].update(deep="x"), "denoiser.deep: no graph 'x' under"),
    "a graph for nothing": (
        lambda d: d["graphs"].update(more=d["graphs"]["deep"]),
        "graphs.more: expected one role for it, got 0",
    ),
    "a graph for two things": (
        lambda d: (d["decoder"].update(graph="encoder"), d["graphs"].pop("decoder")),
        "graphs.encoder: expected one role for it, got 2",
    ),
    "a source that nobody knows": (
        lambda d: d["denoiser"]["inputs"][0].update(source={"from": "picture"}),
        r"denoiser.inputs\[0\].source.from: Invalid value 'picture'",
    ),
    "text of no encoder": (
        lambda d: d["denoiser"]["inputs"][0]["source"]["outputs"][0].update(encoder="deep"),
        r"denoiser.inputs\[0\].source.outputs\[0\].encoder: no text encoder 'deep'",
    ),
    "text that its encoder does not give": (
        lambda d: d["denoiser"]["inputs"][0]["source"]["outputs"][0].update(tensor="pooled"),
        r"denoiser.inputs\[0\].source.outputs\[0\].tensor: clip has no output 'pooled'",
    ),
    "an encoder that nothing takes": (lambda d: d["denoiser"].update(inputs=[]), "texts.clip: no input of the"),
    "two inputs of one name": (
        lambda d: d["denoiser"]["inputs"][0].update(name="sample"),
        r"denoiser.inputs\[0\].name: 'sample' is the name of two inputs",
    ),
    "sizes of a negative prompt": (
        lambda d: _add_sizes(d, negative="zeros"),
        r"denoiser.inputs\[1\].negative: expected 'same'",
    ),
    "latents that nobody decodes": (
        lambda d: (d.update(decoder=None), d["graphs"].pop("decoder")),
        "decoder: expected one, as a state of 4 channels is no picture",
    ),
    "a decoder that gives moments": (
        lambda d: d["decoder"].update(gives="moments"),
        "decoder.gives: expected",
    ),
    "a graph without its package": (
        _break_packages(lambda d: d["inductor"]["graphs"].pop("thin")),
        "inductor.graphs: expected clip, deep, thin, decoder, encoder, got",
    ),
    "a package that is not listed": (
        _break_packages(lambda d: d["files"].pop("inductor/deep.pt2")),
        "inductor.graphs.deep.file.*not listed",
    ),
    "weights that are not listed": (
        _break_packages(lambda d: d["files"].pop("inductor/w.safetensors")),
        "inductor.graphs.clip.weights.*not listed",
    ),
    "an unknown device": (_break_packages(lambda d: d["inductor"].update(device="tpu")), "inductor.device: Invalid"),
    "an unknown key of packages": (_break_packages(lambda d: d["inductor"].update(x=1)), "unknown field `x`"),
    "a plan called as a rule": (lambda d: _add_plan(d, "every"), "plans: expected a name of .*, got 'every'"),
    "a plan called with capitals": (lambda d: _add_plan(d, "Fast"), "plans: expected a name of .*, got 'Fast'"),
    "a plan called with a line break": (
        lambda d: _add_plan(d, "fast\n"),
        r"plans: expected a name of .*, got 'fast\\n'",
    ),
    "a plan with a long name": (lambda d: _add_plan(d, "a" * 41), "plans: expected a name of up to 40"),
    "a plan that is not listed": (
        lambda d: d.update(plans={"fast": "plans/fast-01234567.json"}),
        "plans.fast: 'plans/fast-01234567.json' is not listed",
    ),
    "figures of a plan that is not there": (lambda d: d.update(plan_figures={"fast": _FIGURES}), "plan_figures.fast: "),
    "figures without a record": (lambda d: d.update(plan_figures={"fast": {"speedup": 2.0}}), "plan_figures.fast"),
    "a plan that is no JSON": (lambda d: _add_plan(d, file="plans/fast.txt"), r"plans.fast: .* ends in \.json"),
    "a plan that is no path": (lambda d: d.update(plans={"fast": 1}), "plans.fast: Expected `str`, got `int`"),
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


def test_a_bundle_of_schema_1_is_refused_with_what_to_do() -> None:
    with pytest.raises(BundleError) as refused:
        parse({"schema_version": 1, "model": {}, "graphs": {"unet_deep": {}}})

    assert str(refused.value) == (
        "b/accel.json: schema_version: expected 2, got 1: export the bundle again with this version of accel"
    )


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff\xfe", b"null", b'{"schema_version": "one"}'])
def test_bytes_that_are_no_manifest_are_refused_in_one_line(raw: bytes) -> None:
    with pytest.raises(BundleError, match=r"b/accel\.json: ") as caught:
        parse_manifest(raw, Path("b/accel.json"))

    assert "\n" not in str(caught.value)


def test_a_folder_without_a_manifest_is_not_a_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="not a bundle"):
        read_manifest(tmp_path)
