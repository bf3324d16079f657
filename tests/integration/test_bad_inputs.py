"""Bad input to the command: one clear line, a non-zero exit, nothing damaged, nothing left behind."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.command import accel, assert_refused
from tests.exporter.pipelines import write_tiny_pipeline


@pytest.fixture
def source(source_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(source_folder, tmp_path / "source"))


@pytest.fixture
def bundle(bundle_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle_folder, tmp_path / "bundle"))


Break = Callable[[Path], object]
# No test here is about schedules, and there are hundreds by default.
ONE_SCHEDULE = ("--schedulers", "ddim", "--max-steps", "1")


def remove(name: str) -> Break:
    return lambda folder: shutil.rmtree(folder / name) if (folder / name).is_dir() else (folder / name).unlink()


def write(name: str, text: str) -> Break:
    return lambda folder: (folder / name).write_text(text)


def truncate(name: str) -> Break:
    return lambda folder: os.truncate(folder / name, (folder / name).stat().st_size // 2)


def flip(name: str) -> Break:
    def change(folder: Path) -> None:
        data = bytearray((folder / name).read_bytes())
        data[len(data) // 2] ^= 1
        (folder / name).write_bytes(data)

    return change


def replace(name: str, old: str, new: str) -> Break:
    def change(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

    return change


SOURCES: dict[str, tuple[Break, str]] = {
    "missing component": (remove("unet"), "unet"),
    "missing weights": (remove("vae/diffusion_pytorch_model.safetensors"), "vae"),
    "truncated safetensors": (truncate("unet/diffusion_pytorch_model.safetensors"), "unet"),
    "no model index": (remove("model_index.json"), "model_index.json"),
    "model index that is no JSON": (write("model_index.json", "{"), "model_index.json"),
    "model index of a wrong type": (write("model_index.json", "[]"), "model_index.json"),
    "another pipeline": (
        replace("model_index.json", "StableDiffusionPipeline", "StableDiffusion3Pipeline"),
        "StableDiffusion3Pipeline",
    ),
    "config of a wrong type": (
        replace("unet/config.json", '"norm_num_groups": 8', '"norm_num_groups": "x"'),
        "unet",
    ),
    "weights of another size": (replace("unet/config.json", '"in_channels": 4', '"in_channels": 8'), "unet"),
}


@pytest.mark.parametrize("name", SOURCES)
def test_a_broken_source_is_refused(source: Path, tmp_path: Path, name: str) -> None:
    change, message = SOURCES[name]
    change(source)

    assert_refused(accel("export", source, "-o", "out", *ONE_SCHEDULE, cwd=tmp_path), message)
    assert sorted(os.listdir(tmp_path)) == ["source"]


EXPORTS: dict[str, tuple[tuple[str, ...], str]] = {
    "no such source": (("nowhere", "-o", "out"), "nowhere"),
    "a revision of the built-in model": (("tiny", "-o", "out", "--revision", "main"), "--revision"),
    "branch too deep": (("source", "-o", "out", "--branches", "0,4"), "branches 0 to 3"),
    "branches that are no numbers": (("source", "-o", "out", "--branches", "a"), "branches 'a'"),
    "opset": (("source", "-o", "out", "--opset", "11"), "18 to 23"),
    "form": (("source", "-o", "out", "--form", "fast"), "expected one of plain, fused, attention, native"),
    "size without static": (("source", "-o", "out", "--height", "64"), "--static"),
    "static size that does not divide": (
        ("source", "-o", "out", "--static", "--height", "17"),
        "multiple of 2",
    ),
    "scheduler": (("source", "-o", "out", "--schedulers", "ddim,magic"), "magic"),
    "tolerance that nothing meets": (("source", "-o", "out", "--tolerance", "0"), "differs from torch"),
    "target that exists": (("source", "-o", "source"), "exists already"),
    "target that is no bundle": (("source", "-o", "source", "--force"), "not a bundle"),
    "target below a file": (("source", "-o", "source/model_index.json/out"), "cannot be written"),
    "unwritable target": (("source", "-o", "/proc/out"), "cannot be written"),
}


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_that_cannot_be_done_is_refused(source: Path, tmp_path: Path, name: str) -> None:
    arguments, message = EXPORTS[name]
    before = sorted(str(path) for path in source.rglob("*"))

    assert_refused(accel("export", *ONE_SCHEDULE, *arguments, cwd=tmp_path), message)
    assert sorted(os.listdir(tmp_path)) == ["source"]
    assert sorted(str(path) for path in source.rglob("*")) == before


def test_weights_in_a_pickle_that_runs_code_are_refused_and_do_not_run(tmp_path: Path) -> None:
    import torch

    class Bomb:
        def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
            return os.system, ("touch exploded",)

    write_tiny_pipeline(tmp_path / "source", safetensors=False)
    torch.save({"x": Bomb()}, tmp_path / "source" / "unet" / "diffusion_pytorch_model.bin")

    assert_refused(accel("export", "source", "-o", "out", *ONE_SCHEDULE, cwd=tmp_path), "unet")
    assert sorted(os.listdir(tmp_path)) == ["source"]


BUNDLES: dict[str, tuple[Break, str]] = {
    "changed byte": (flip("unet/weights.data"), "unet/weights.data: content changed"),
    "truncated graph": (truncate("unet/shallow_0.onnx"), "unet/shallow_0.onnx: expected"),
    "missing file": (remove("vae_decoder/model.onnx"), "vae_decoder/model.onnx: missing"),
    "no manifest": (remove("accel.json"), "not a bundle"),
    "manifest that is no JSON": (write("accel.json", "{"), "accel.json: "),
    "unknown key": (replace("accel.json", '"schedules":', '"schedulez":'), "unknown field `schedulez`"),
    "wrong JSON type": (
        replace("accel.json", '"channels": 4', '"channels": "4"'),
        "state.channels",
    ),
    "absolute path": (replace("accel.json", '"unet/weights.data"', '"/etc/passwd"'), "plain relative path"),
    "parent path": (replace("accel.json", '"unet/weights.data"', '"../weights.data"'), "plain relative path"),
    "future version": (
        replace("accel.json", '"schema_version": 2', '"schema_version": 9'),
        "expected 2, got 9",
    ),
}


@pytest.mark.parametrize("name", BUNDLES)
def test_a_broken_bundle_is_refused(bundle: Path, tmp_path: Path, name: str) -> None:
    change, message = BUNDLES[name]
    change(bundle)
    # Else it alone would say that the manifest changed: tests/robustness/test_manifest.py.
    (bundle / "accel.json.sha256").unlink(missing_ok=True)

    assert_refused(accel("generate", "bundle", "a cat", cwd=tmp_path), message, code=1)
    assert_refused(accel("verify", "bundle", cwd=tmp_path), message, code=1)
    assert sorted(os.listdir(tmp_path)) == ["bundle"]


GENERATIONS: dict[str, tuple[tuple[str, ...], str]] = {
    "height that does not divide": (
        ("--height", "17"),
        "height: expected a positive multiple of 2 pixels, got 17",
    ),
    "negative width": (("--width", "-16"), "width: expected"),
    "no steps": (("--steps", "0"), "steps: expected 1 to 1000, got 0"),
    "more steps than any model has": (
        ("--steps", "1001", "--scheduler", "ddim"),
        "steps: expected 1 to 1000, got 1001",
    ),
    "steps that are no number": (("--steps", "many"), "--steps"),
    "unknown scheduler": (("--scheduler", "magic"), "unknown scheduler 'magic'"),
    "form that the bundle lacks": (("--form", "native"), "accel export --form native"),
    "unknown provider": (("--provider", "tpu"), "expected one of"),
    "provider of another wheel": (("--provider", "cuda"), "accel-sd[cuda]"),
    "device that OpenVINO lacks": (("--provider", "openvino:TPU"), "cannot use 'TPU': expected one of"),
    "branch not exported": (("--branch", "9", "--plan", "every:2"), "branch 9 is not in the bundle"),
    "plan that means nothing": (("--plan", "sometimes"), "expected full, every:N"),
    "plan that starts shallow": (("--plan", "calls:1,2"), "first call must be deep"),
    "unknown forecast": (("--forecast", "cubic"), "forecast: expected one of hold"),
    "guidance that is no number": (("--guidance", "nan"), "finite"),
    "no images": (("--images-per-prompt", "0"), "images: expected 1 to 1000"),
    "negative seed too small": (("--seed", str(-(2**64))), "seed"),
    "output that is no PNG": (("-o", "picture.jpg"), ".png"),
    "output in no folder": (("-o", "nowhere/image.png"), "does not exist"),
    "output that exists": (("-o", "here.png"), "--force"),
    "latents that are not there": (("--latents-in", "nowhere.npy"), "nowhere.npy"),
    "latents of another shape": (("--latents-in", "wrong.npy"), "expected shape [1, 4, 8, 8]"),
    "pickled latents": (("--latents-in", "pickle.npy"), "pickle.npy"),
    "strength without a picture": (("--strength", "0.5"), "--image"),
    "a picture that is not there": (("--image", "nowhere.png"), "nowhere.png"),
    "a picture that is none": (("--image", "here.png"), "here.png: not a picture"),
    "strength out of range": (("--image", "start.png", "--strength", "2"), "strength"),
    "strength that leaves no step": (("--image", "start.png", "--strength", "0.01"), "leaves none to run"),
    "image and latents": (("--image", "start.png", "--latents-in", "wrong.npy"), "give only one"),
    "guided calls that are none": (("--guided-calls", "5"), "such as 0-14"),
    "guided calls beyond the last": (("--guided-calls", "0-99"), "guided calls: expected"),
    "rescale out of range": (("--guidance-rescale", "2"), "guidance rescale"),
}


@pytest.mark.parametrize("name", GENERATIONS)
def test_an_image_that_cannot_be_made_is_refused(bundle_folder: Path, tmp_path: Path, name: str) -> None:
    arguments, message = GENERATIONS[name]
    (tmp_path / "here.png").write_text("precious")
    np.save(tmp_path / "wrong.npy", np.zeros((1, 4, 4, 4), np.float32))
    np.save(tmp_path / "pickle.npy", np.array([{}], object), allow_pickle=True)
    Image.new("RGB", (16, 16)).save(tmp_path / "start.png")

    assert_refused(accel("generate", bundle_folder, "a cat", *arguments, cwd=tmp_path), message)
    assert sorted(os.listdir(tmp_path)) == ["here.png", "pickle.npy", "start.png", "wrong.npy"]
    assert (tmp_path / "here.png").read_text() == "precious"


SCHEDULES = {
    "unknown scheduler": (("euler_z",), "unknown scheduler 'euler_z'"),
    "no steps": (("ddim", "--steps", "0"), "expected counts of 1 to 1000"),
    "steps that are no numbers": (("ddim", "--steps", "10-"), "expected counts of 1 to 1000"),
    "more steps than timesteps": (("ddim", "--steps", "1000"), "DDIMScheduler"),
    "strength out of range": (("ddim", "--steps", "20", "--strength", "1.5"), "strength"),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_that_cannot_be_added_is_refused_and_the_bundle_stays_as_it_was(
    bundle: Path, tmp_path: Path, name: str
) -> None:
    arguments, message = SCHEDULES[name]
    before = {path: path.read_bytes() for path in bundle.rglob("*.json")}

    assert_refused(accel("schedules", "add", bundle, *arguments, cwd=tmp_path), message)
    assert {path: path.read_bytes() for path in bundle.rglob("*.json")} == before


def test_an_unknown_command_is_refused(tmp_path: Path) -> None:
    assert_refused(accel("explode", cwd=tmp_path), "explode", code=2)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 200 kB, where this user may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("only root may mount a small disk")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_is_said_and_nothing_stays_on_it(small_disk: Path, source: Path, tmp_path: Path) -> None:
    assert_refused(accel("export", source, "-o", small_disk / "out", *ONE_SCHEDULE, cwd=tmp_path), "no space left")
    assert os.listdir(small_disk) == []


AT_ONCE, HALF_DONE = ".out.partial-*", ".out.partial-*/text_encoder/model.onnx"


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (signal.SIGINT, HALF_DONE),
        pytest.param(signal.SIGTERM, AT_ONCE, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, AT_ONCE, marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, HALF_DONE, marks=pytest.mark.slow),
    ],
)
def test_an_interrupted_export_leaves_nothing(
    source: Path, tmp_path: Path, number: signal.Signals, written: str
) -> None:
    # A shell's background jobs, and so these tests in one, would hand on that SIGINT is ignored.
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); import accel_bench.__main__"
    command = [sys.executable, "-c", code, "export", str(source), "-o", str(tmp_path / "out"), *ONE_SCHEDULE]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob(written)) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=120)

    assert process.returncode == 130
    assert stderr.strip() == "accel: interrupted, nothing was kept"
    assert sorted(os.listdir(tmp_path)) == ["source"]
