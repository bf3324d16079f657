"""Bundles with int8 in them: smaller, near their float32 bundle, and chosen by its pictures."""

import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx_ir as ir
import pytest
from numpy.typing import NDArray
from tests.bundles import family_bundle, kept_bundle
from tests.command import accel
from tests.kept import tree_digest

from accel_exporter import ExportOptions, parse_forms, parse_int8
from accel_exporter.check import Reference, relative_error, run_graph
from accel_exporter.int8.bundle import quantise_bundle
from accel_exporter.int8.options import Int8
from accel_exporter.int8.trial import Effort, psnr
from accel_runtime import InputError, Pipeline, Request, open_bundle
from accel_runtime.bundle.bundle import write_manifest
from accel_runtime.manifest import read_manifest

LITTLE = Effort(captions=2, steps=2, calls=2)
REQUEST = Request(("a cat", "a house"), seed=3)


def quantised(bundle: Path, folder: Path, options: Int8) -> Path:
    """A copy of a float32 bundle with its UNet quantised."""
    shutil.copytree(bundle, folder)
    write_manifest(folder, quantise_bundle(folder, read_manifest(bundle), options=options, effort=LITTLE))
    return folder


@pytest.fixture(scope="module")
def mixed(bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """The small pipeline with layers computed in int8."""
    return open_bundle(quantised(bundle_folder, tmp_path_factory.mktemp("int8") / "mixed", Int8("mixed", 30.0)))


def pictures(pipeline: Pipeline, deep: str = "full") -> NDArray[np.uint8]:
    return pipeline.generate(REQUEST, pipeline.plan(4, deep, scheduler="ddim")).images


@pytest.mark.parametrize("deep", ["full", "every:2"])
def test_pictures_are_near_those_of_float32_with_and_without_a_plan(
    mixed: Pipeline, pipeline: Pipeline, deep: str
) -> None:
    assert 25.0 <= psnr(pictures(mixed, deep), pictures(pipeline, deep)) < np.inf


def test_the_manifest_names_what_is_in_int8_and_what_was_kept(mixed: Pipeline) -> None:
    made = mixed.bundle.manifest.int8
    assert made is not None
    assert made.psnr is not None
    assert made.psnr >= 30.0
    graph = ir.load(mixed.bundle.path("unet/deep.onnx")).graph
    rounded = {node.name for node in graph if node.op_type in {"Conv", "MatMul"} if _is_int8(node)}
    assert rounded == set(made.layers)
    assert not rounded & set(made.kept)
    assert made.layers
    assert 0 < mixed.bundle.manifest.deep.relative_error < 0.5


def _is_int8(node: ir.Node) -> bool:
    weights = node.inputs[1]
    made_by = None if weights is None else weights.producer()
    return made_by is not None and made_by.op_type == "DequantizeLinear"


def test_a_shallow_pass_rounds_what_the_deep_pass_does(mixed: Pipeline) -> None:
    made = mixed.bundle.manifest.int8
    assert made is not None
    graph = ir.load(mixed.bundle.path("unet/shallow_0.onnx")).graph
    layers = {node.name: _is_int8(node) for node in graph if node.name in {*made.layers, *made.kept}}
    assert layers == {name: name in made.layers for name in layers}


def test_other_loaders_find_the_same_graph(mixed: Pipeline) -> None:
    manifest = mixed.bundle.manifest
    shapes = {"sample": (2, 4, 8, 8), "timestep": (1,), "encoder_hidden_states": (2, 12, 16)}
    rng = np.random.default_rng(0)
    given: dict[str, Any] = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    reference = Reference(given, {manifest.denoiser.noise: np.zeros(shapes["sample"], np.float32)})

    deep, whole = (run_graph(mixed.bundle.path(f"unet/{name}.onnx"), reference) for name in ("deep", "model"))

    assert relative_error(whole[manifest.denoiser.noise], deep[manifest.denoiser.noise]) <= 1e-5


def test_openvino_draws_the_same(mixed: Pipeline) -> None:
    pytest.importorskip("openvino")
    other = open_bundle(mixed.bundle.folder, provider="openvino:f32")
    assert psnr(pictures(other), pictures(mixed)) >= 25.0


def test_a_loss_that_nothing_keeps_is_refused(bundle_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no layer keeps pictures within 80 dB"):
        quantised(bundle_folder, tmp_path / "none", Int8("mixed", 80.0))


@pytest.mark.parametrize(
    ("family", "taken"), [("inpaint", "a mask"), ("control", "control images"), ("classes", "classes")]
)
def test_a_model_that_takes_more_than_prompts_is_refused_and_left_as_it_was(
    family: str, taken: str, tmp_path: Path
) -> None:
    folder = shutil.copytree(family_bundle(family), tmp_path / family)
    before = tree_digest(folder)

    with pytest.raises(InputError, match=f"got one that takes {taken}: export it with --dtype fp32"):
        quantise_bundle(folder, read_manifest(folder), options=Int8("mixed"))

    assert tree_digest(folder) == before


def test_of_random_weights_all_convolutions_but_the_outer_ones_are_taken_and_no_picture_is_judged(
    bundle_folder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(bundle_folder, tmp_path / "random")
    manifest = read_manifest(folder)
    provenance = msgspec.structs.replace(manifest.provenance, weights="random")
    write_manifest(folder, msgspec.structs.replace(manifest, provenance=provenance))

    made = quantise_bundle(folder, read_manifest(folder), options=Int8("mixed")).int8

    assert made is not None
    assert made.psnr is None
    found = [node.name for node in ir.load(bundle_folder / "unet/deep.onnx").graph if node.op_type == "Conv"]
    assert set(made.layers) < set(found)
    assert {found[0], found[-1]}.isdisjoint(made.layers)
    assert {found[1], found[len(found) // 2]} <= set(made.layers)


def test_an_export_stores_weights_in_a_quarter_and_says_so(
    source_folder: Path, bundle_folder: Path, tmp_path: Path
) -> None:
    options = ExportOptions(branches=(0,), schedulers=("ddim",), max_steps=2, int8=Int8("weights"))
    folder = kept_bundle("int8-weights", source_folder, options)

    sizes = [(each / "unet" / "weights.data").stat().st_size for each in (folder, bundle_folder)]
    assert sizes[0] / sizes[1] < 0.5
    told = accel("inspect", str(folder), cwd=tmp_path).stdout
    assert "int8-weights: " in told
    assert " dB to float32 pictures" in told


def test_what_goes_with_int8_is_checked_first() -> None:
    refused: list[tuple[dict[str, Any], str]] = [
        ({"forms": parse_forms(["attention"])}, "form attention: there are only plain graphs in int8"),
        ({"with_inductor": True}, "artifact inductor: there are only ONNX graphs in int8"),
        ({"opset": 21}, "opset: int8 is written in 18 to 20, got 21"),
        ({"dtype": "float16"}, "int8: made of float32 graphs, got float16"),
    ]
    for options, message in refused:
        with pytest.raises(InputError, match=message):
            ExportOptions(int8=Int8("mixed"), **options)


def test_a_loss_is_for_mixed_int8_alone_and_has_bounds() -> None:
    assert parse_int8("int8-mixed", 40.0) == Int8("mixed", 40.0)
    assert parse_int8("bf16", None) is None
    with pytest.raises(InputError, match="int8 loss: it chooses the layers of --dtype int8-mixed, got --dtype fp32"):
        parse_int8("fp32", 40.0)
    with pytest.raises(InputError, match="int8 loss: expected 10 to 80 dB, got 5"):
        parse_int8("int8-mixed", 5.0)
