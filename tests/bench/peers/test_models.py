"""`accel peers weights` writes the pipeline that `accel export` exports; `accel peers` says what there is."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from tests.command import accel, assert_refused
from tests.exporter.pipelines import write_tiny_pipeline

from accel_bench.peers.contender import Residence
from accel_bench.peers.opening import choose_residence
from accel_exporter import open_source


def test_a_saved_pipeline_holds_the_same_tensors_and_tokens(tmp_path: Path) -> None:
    write_tiny_pipeline(tmp_path / "half", variant="fp16")
    done = accel("peers", "weights", "half", "-o", "plain", "--variant", "fp16", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    before, after = open_source(str(tmp_path / "half"), variant="fp16"), open_source(str(tmp_path / "plain"))

    for part in ("unet", "vae", "text_encoder"):
        one, other = (getattr(source, f"load_{part}")().state_dict() for source in (before, after))
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) and other[name].dtype == torch.float32 for name in one)
    assert before.load_tokenizer()("a cat").input_ids == after.load_tokenizer()("a cat").input_ids
    assert before.scheduler_config == after.scheduler_config


def test_text_encoders_are_written_as_older_releases_name_them(tmp_path: Path) -> None:
    done = accel("peers", "weights", "tiny", "-o", "tiny", "--weights", "random", cwd=tmp_path)
    assert done.returncode == 0, done.stderr

    with safe_open(tmp_path / "tiny/text_encoder/model.safetensors", framework="np") as file:
        assert all(name.startswith("text_model.") for name in file.keys())  # noqa: SIM118 - not a mapping
    assert (tmp_path / "tiny/tokenizer/vocab.json").is_file()
    assert "images and scores mean nothing" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("weights", "there", "-o", "there"), "there: exists already"),
        (("weights", "nowhere", "-o", "new"), "'nowhere' is not a folder"),
        (("install", "sdcpp"), "peer 'sdcpp': expected one of"),
    ],
)
def test_a_wrong_command_is_refused(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    (tmp_path / "there").mkdir()
    assert_refused(accel("peers", *arguments, cwd=tmp_path), message)


def test_the_list_says_where_each_peer_would_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCEL_PEERS", str(tmp_path))
    listed = json.loads(accel("peers", "--json", cwd=tmp_path).stdout)
    runs_in = {peer["name"]: peer["runs_in"] for peer in listed["peers"]}

    assert runs_in == {
        "diffusers": "this",
        "torch-compile": "this",
        "deepcache": "this",
        "openvino-genai": "missing",
        "optimum": "missing",
        "onnxruntime-bare": "this",
    }
    assert listed["folder"] == str(tmp_path)


@pytest.mark.parametrize(("size", "residence"), [(10**6, Residence.STAY), (10**12, Residence.RESTART)])
def test_models_that_do_not_fit_side_by_side_are_restarted(tmp_path: Path, size: int, residence: Residence) -> None:
    (tmp_path / "model").mkdir()
    with (tmp_path / "model" / "weights").open("wb") as file:
        file.truncate(size)
    try:
        assert choose_residence([tmp_path / "model"], bundle=tmp_path / "none") is residence
    finally:
        shutil.rmtree(tmp_path / "model")
