"""What is asked wrongly of peers, or goes wrong in them, is one line that says what to do."""

import os
import shutil
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.bench.peers.drawing import small_work
from tests.bundles import family_bundle, family_source
from tests.exporter.pipelines import write_tiny_pipeline

from accel_bench.base.errors import PeerError
from accel_bench.peers import PEERS, PeerContender, Residence, open_peers
from accel_bench.peers.environments import install, python_of, where
from accel_runtime import InputError, Pipeline, open_bundle


def opened(names: Sequence[str], pipeline: Pipeline, weights: Path | None) -> None:
    with open_peers(names, small_work(pipeline, weights)):
        pass


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["sdcpp"], "peer 'sdcpp': expected one of diffusers, torch-compile, deepcache, openvino-genai, optimum"),
        (["diffusers:int8"], "option 'int8': expected f32, bf16"),
        (["deepcache:0"], "option '0': expected an interval or f32, bf16"),
        (["optimum:bf16"], "option 'bf16': expected none"),
        (["diffusers", "diffusers"], "peer 'diffusers': expected each peer once, got it twice"),
        (["diffusers"], "expected the weights that the bundle was exported from, got none: add --peer-weights"),
    ],
)
def test_a_wrong_request_is_refused_before_anything_starts(pipeline: Pipeline, names: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        opened(names, pipeline, None)


@pytest.mark.parametrize("name", ["diffusers", "onnxruntime-bare"])
def test_a_bundle_of_a_family_that_peers_do_not_draw_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="which peers draw, got StableDiffusionXLPipeline: measure it alone"):
        opened([name], open_bundle(family_bundle("sdxl")), family_source("sdxl"))


def test_a_peer_that_is_not_installed_is_refused_with_the_command_that_installs_it(
    pipeline: Pipeline, source_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCEL_PEERS", str(tmp_path))

    with pytest.raises(InputError, match="openvino-genai is not installed: run `accel peers install openvino-genai`"):
        opened(["openvino-genai"], pipeline, source_folder)


def test_an_environment_that_could_not_be_made_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCEL_PEERS", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(PeerError, match=r"install onnxruntime-bare.txt: it ended with exit code 1: ERROR: No matching"):
        list(install(PEERS["onnxruntime-bare"]))

    assert not (tmp_path / "onnxruntime-bare").exists()
    assert where(PEERS["onnxruntime-bare"]) == "this"
    assert python_of(PEERS["onnxruntime-bare"]) == Path(sys.executable)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda folder: (folder / "model_index.json").unlink(),
            "expected a diffusers folder with model_index.json: `accel peers weights",
        ),
        (
            lambda folder: (folder / "unet/diffusion_pytorch_model.safetensors").rename(folder / "unet/x.safetensors"),
            "expected weights in unet/diffusion_pytorch_model.safetensors",
        ),
        (
            lambda folder: (folder / "unet/diffusion_pytorch_model.safetensors").write_bytes(b"no"),
            "not the weights of a UNet",
        ),
        (lambda folder: write_tiny_pipeline(folder, seed=1), "conv_in.weight is not the bundle's"),
    ],
)
def test_a_folder_of_weights_that_is_not_the_bundles_is_refused(
    pipeline: Pipeline, source_folder: Path, tmp_path: Path, damage: object, message: str
) -> None:
    folder = tmp_path / "weights"
    shutil.copytree(source_folder, folder)
    assert callable(damage)
    damage(folder)

    with pytest.raises(InputError, match=message):
        opened(["diffusers"], pipeline, folder)


@pytest.mark.parametrize(
    ("sent", "message"), [(signal.SIGKILL, "it ended with signal 9"), (signal.SIGSTOP, "no reply within 0.5 s")]
)
def test_a_peer_that_dies_or_hangs_is_one_line(pipeline: Pipeline, sent: signal.Signals, message: str) -> None:
    with open_peers(["onnxruntime-bare"], small_work(pipeline, None), residence=Residence.STAY) as (peer,):
        peer.warm_up()
        peer._worker._patience_s = 0.5  # type: ignore[union-attr]  # it was started
        assert peer.pid is not None
        os.kill(peer.pid, sent)

        with pytest.raises(PeerError, match=f"^peer onnxruntime-bare: {message}"):
            peer.draw()

        assert peer.pid is None


def test_an_error_inside_a_peer_is_one_line(pipeline: Pipeline) -> None:
    work = small_work(pipeline, None, scheduler="euler_a")
    with (
        open_peers(["onnxruntime-bare"], work) as (peer,),
        pytest.raises(
            PeerError, match=r"ValueError: expected a scheduler without noise between steps, got .*: choose .* ddim$"
        ),
    ):
        peer.draw()


def test_an_environment_without_the_peers_packages_is_one_line(pipeline: Pipeline, tmp_path: Path) -> None:
    with open_peers(["onnxruntime-bare"], small_work(pipeline, None)) as (bare,):
        wrong = PeerContender(
            choice=replace(bare.choice, kind=replace(bare.choice.kind, script=("run_openvino_genai.py",))),
            work=bare.work,
            python=Path(sys.executable),
            model=tmp_path,
            scratch=tmp_path,
            residence=Residence.STAY,
            patience_s=60.0,
            meters=bare.meters,
        )

    with pytest.raises(PeerError, match="exit code 1: ModuleNotFoundError: No module named 'openvino_genai'"):
        wrong.warm_up()
