"""A whole bundle: what is in it, and what its graphs promise."""

import copy
import json
import os
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from diffusers.models.attention_processor import AttnProcessor
from tests.bundles import exporting, kept_bundle
from torch.utils.flop_counter import FlopCounterMode

from accel_exporter import ExportOptions, StaticSize, export_bundle, open_source
from accel_exporter.helper import Task, helper_process
from accel_runtime import ExportError, InputError, Manifest, Pipeline, Request, open_bundle, read_bundle
from accel_runtime.bundle.bundle import describe_file

STATIC: dict[str, Any] = {"branches": (0, 2), "static": StaticSize(height=22)}


def export(source: Path, target: Path, **options: Any) -> Path:
    exporting(source, ExportOptions(max_steps=4, **options))(target)
    return target


@pytest.fixture(scope="session")
def static_bundle(source_folder: Path) -> Path:
    """One image of 22×16 pixels: latents of 11×8, which do not divide by the UNet's levels."""
    return kept_bundle("static", source_folder, ExportOptions(max_steps=4, **STATIC))


@pytest.fixture
def manifest(pipeline: Pipeline) -> Manifest:
    return pipeline.bundle.manifest


def test_every_file_of_the_folder_is_in_the_manifest_and_nothing_else(bundle_folder: Path, manifest: Manifest) -> None:
    found = {path.relative_to(bundle_folder).as_posix() for path in bundle_folder.rglob("*") if path.is_file()}

    assert found == {*manifest.files, "accel.json", "accel.json.sha256"}
    assert all(describe_file(bundle_folder / path) == spec for path, spec in manifest.files.items())


def test_the_bundle_names_no_path_of_the_machine_that_made_it(bundle_folder: Path, source_folder: Path) -> None:
    texts = [path.read_text() for path in bundle_folder.rglob("*.json")]

    assert not any(str(source_folder.parent) in text for text in texts)


def test_the_tokenizer_is_there_in_the_form_that_older_loaders_read(
    bundle_folder: Path, diffusers_pipeline: Any
) -> None:
    vocabulary = json.loads((bundle_folder / "tokenizer" / "vocab.json").read_text(encoding="utf-8"))
    merges = (bundle_folder / "tokenizer" / "merges.txt").read_text(encoding="utf-8")

    assert vocabulary == diffusers_pipeline.tokenizer.get_vocab()
    assert merges.startswith("#version: 0.2\n")


def test_there_is_one_shallow_graph_for_every_skip_of_the_unet(manifest: Manifest) -> None:
    assert manifest.branches == (0, 1, 2, 3)


def test_each_deeper_branch_costs_more_and_none_more_than_the_whole(manifest: Manifest) -> None:
    shallow = [manifest.graphs[manifest.denoiser.shallow[k].graph] for k in manifest.branches]
    flops = [graph.flops for graph in (*shallow, manifest.deep)]
    parameters = [graph.parameters for graph in (*shallow, manifest.deep)]

    assert flops == sorted(set(flops))
    assert parameters == sorted(set(parameters))


def test_the_deep_graph_costs_what_torch_counts_for_the_unet(manifest: Manifest, diffusers_pipeline: Any) -> None:
    unet = copy.deepcopy(diffusers_pipeline.unet)
    # torch's counter does not know the CPU's fused attention kernel.
    unet.set_attn_processor(AttnProcessor())
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        unet(torch.randn(1, 4, 8, 8), 1, torch.randn(1, 12, 16))

    assert manifest.deep.flops == pytest.approx(counter.get_total_flops(), rel=0.01)


def external_ranges(path: Path) -> set[tuple[int, int]]:
    tensors = onnx.load(path, load_external_data=False).graph.initializer
    places = ({entry.key: entry.value for entry in tensor.external_data} for tensor in tensors)
    return {(int(place["offset"]), int(place["length"])) for place in places if place}


def test_all_unet_graphs_share_one_file_of_weights_and_no_tensor_is_there_twice(bundle_folder: Path) -> None:
    unet = bundle_folder / "unet"
    deep = external_ranges(unet / "deep.onnx")
    data = (unet / "weights.data").read_bytes()
    contents = [data[offset : offset + length] for offset, length in deep]

    assert all(external_ranges(path) <= deep for path in unet.glob("shallow_*.onnx"))
    assert external_ranges(unet / "model.onnx") == deep
    assert len(set(contents)) == len(contents)
    assert sum(length for _, length in deep) >= 0.98 * len(data)


def test_the_shallow_pass_of_branch_0_runs_nothing_of_the_first_down_block(bundle_folder: Path) -> None:
    graph = onnx.load(bundle_folder / "unet" / "shallow_0.onnx", load_external_data=False).graph
    convolutions = [node for node in graph.node if node.op_type == "Conv"]

    # conv_in, one up resnet (two and its shortcut), its attention's projections, conv_out
    assert len(convolutions) == 1 + 3 + 2 + 1


def test_the_graph_for_other_loaders_is_the_deep_one_without_its_features(bundle_folder: Path) -> None:
    deep = onnx.load(bundle_folder / "unet" / "deep.onnx", load_external_data=False).graph
    plain = onnx.load(bundle_folder / "unet" / "model.onnx", load_external_data=False).graph

    assert [output.name for output in plain.output] == ["out_sample"]
    assert [node.op_type for node in plain.node] == [node.op_type for node in deep.node]


def test_graphs_carry_no_notes_of_the_exporter(bundle_folder: Path) -> None:
    for path in bundle_folder.rglob("*.onnx"):
        model = onnx.load(path, load_external_data=False)
        assert not model.metadata_props
        assert not any(node.metadata_props or node.doc_string for node in model.graph.node)


def test_open_graphs_draw_other_sizes_than_they_were_traced_at(pipeline: Pipeline) -> None:
    plan = pipeline.plan(3, "every:2", scheduler="ddim", branch=1)

    assert pipeline.generate(Request(("a",), height=32, width=24), plan).images.shape == (1, 32, 24, 3)


def test_a_static_bundle_draws_its_size_even_where_levels_do_not_divide(static_bundle: Path) -> None:
    static = open_bundle(static_bundle)
    result = static.generate(Request(("a cat",)), static.plan(4, "every:2", branch=2))
    errors = [graph.relative_error for graph in static.bundle.manifest.graphs.values()]

    assert result.images.shape == (1, 22, 16, 3)
    assert max(errors) <= 1e-5


@pytest.mark.parametrize(("request_", "guidance"), [(Request(("a",), height=16), 7.5), (Request(("a",)), 1.0)])
def test_a_static_bundle_refuses_other_sizes_and_says_what_it_takes(
    static_bundle: Path, request_: Request, guidance: float
) -> None:
    static = open_bundle(static_bundle)
    with pytest.raises(InputError, match=r"input sample takes \[2, 4, 11, 8\]"):
        static.generate(request_, static.plan(2, guidance=guidance))


def test_the_same_export_twice_is_the_same_bundle(source_folder: Path, static_bundle: Path, tmp_path: Path) -> None:
    again = export(source_folder, tmp_path / "again", **STATIC)

    assert read_bundle(again).digest == read_bundle(static_bundle).digest


def test_two_processes_make_the_bundle_that_one_makes(
    source_folder: Path, static_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCEL_SCHEDULES", "off")  # so that there is something to compile, for either process

    again = export(source_folder, tmp_path / "again", branches=(0, 2), static=StaticSize(height=22), jobs=2)

    one, two = (dict(read_bundle(folder).manifest.files) for folder in (static_bundle, again))
    assert one.keys() == two.keys()
    assert {path for path in one if one[path] != two[path] and not path.startswith("schedules/")} == set()


def test_a_second_process_that_is_killed_is_an_error_that_says_what_to_do() -> None:
    with helper_process(wanted=True) as helper, pytest.raises(ExportError, match="--jobs 1"):
        assert helper is not None
        Task(helper, partial(os._exit, 9)).result()


ENDLESS = """
import os, time
from accel_exporter.helper import helper_process
if __name__ == "__main__":
    with helper_process(wanted=True) as helper:
        print(helper.submit(os.getpid).result(), flush=True)
        helper.submit(time.sleep, 600).result()
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
def test_a_killed_export_takes_its_second_process_with_it(tmp_path: Path) -> None:
    (tmp_path / "endless.py").write_text(ENDLESS)
    with subprocess.Popen([sys.executable, tmp_path / "endless.py"], stdout=subprocess.PIPE, text=True) as export:
        assert export.stdout is not None
        helper = int(export.stdout.readline())
        export.kill()
    program, until = Path(f"/proc/{helper}/exe"), time.monotonic() + 10
    while program.exists() and time.monotonic() < until:
        time.sleep(0.05)

    assert not program.exists()


def test_a_scheduler_that_clips_under_the_source_s_config_is_left_out_unless_asked_for(
    source_folder: Path, tmp_path: Path
) -> None:
    source = Path(shutil.copytree(source_folder, tmp_path / "source"))
    config = source / "scheduler" / "scheduler_config.json"
    config.write_text(json.dumps({k: v for k, v in json.loads(config.read_text()).items() if k != "clip_sample"}))
    left_out = export(source, tmp_path / "left-out", branches=(0,), static=StaticSize())

    assert "ddim" not in read_bundle(left_out).manifest.schedules.files
    with pytest.raises(ExportError, match="clip_sample"):
        export(source, tmp_path / "asked", branches=(0,), static=StaticSize(), schedulers=("ddim",))


def test_an_export_that_is_left_early_leaves_nothing(source_folder: Path, tmp_path: Path) -> None:
    stages = export_bundle(open_source(str(source_folder)), tmp_path / "out", options=ExportOptions())
    next(stages)
    next(stages)
    stages.close()

    assert list(tmp_path.iterdir()) == []


def test_progress_counts_up_to_the_number_of_stages(source_folder: Path, tmp_path: Path) -> None:
    options = ExportOptions(branches=(0,), static=StaticSize(), max_steps=1, schedulers=("euler",))
    stages = list(export_bundle(open_source(str(source_folder)), tmp_path / "out", options=options))

    assert [stage.done for stage in stages] == list(range(stages[0].total))
