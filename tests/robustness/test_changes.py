"""What was hashed is what is loaded, and what draws: a file that changes in between is an error, never a picture."""

from pathlib import Path

import pytest
from tests.robustness.copies import copy_bundle, seeded, state_digest, write

from accel_runtime import Pipeline, Request, open_bundle
from accel_runtime.bundle.bundle import read_bundle
from accel_runtime.errors import BundleError


@pytest.fixture
def bundle(bundle_folder: Path, tmp_path: Path) -> Path:
    return copy_bundle(bundle_folder, tmp_path / "bundle")


@pytest.fixture
def drawing(bundle: Path) -> Pipeline:
    """A pipeline on files of its own, which a test may write to."""
    for file in ("unet/deep.onnx", "unet/weights.data"):
        write(bundle / file, (bundle / file).read_bytes())
    return open_bundle(bundle)


def test_no_changed_file_of_a_bundle_stays_unseen(bundle: Path) -> None:
    state_digest(bundle)
    rng = seeded(0)
    for path in sorted(path for path in bundle.rglob("*") if path.is_file()):
        raw = path.read_bytes()
        changed = bytearray(raw)
        changed[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
        write(path, bytes(changed))
        with pytest.raises(BundleError, match="accel.json" if path.name.startswith("accel") else path.name):
            read_bundle(bundle)
        write(path, raw)
    assert read_bundle(bundle)


def overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))


@pytest.mark.parametrize("file", ["unet/deep.onnx", "unet/weights.data"])
@pytest.mark.parametrize("provider", ["cpu", "openvino"])
def test_a_file_that_changes_between_hashing_and_loading_is_an_error(bundle: Path, file: str, provider: str) -> None:
    pipeline = open_bundle(bundle, provider=provider)
    write(bundle / file, (bundle / file).read_bytes())  # the same bytes, but nobody has hashed these

    with pytest.raises(BundleError, match=f"{file}: changed since the bundle was opened"):
        pipeline.generate(Request(("a cat",)), pipeline.plan(1))


def test_weights_that_change_while_an_image_is_drawn_are_an_error(drawing: Pipeline) -> None:
    with pytest.raises(BundleError, match=r"weights.data: changed"):
        for _ in drawing.denoise(Request(("a cat",)), drawing.plan(2)):
            overwrite(drawing.bundle.path("unet/weights.data"))


def test_a_tokenizer_that_changes_before_the_first_prompt_is_an_error(bundle: Path) -> None:
    pipeline = open_bundle(bundle)
    write(bundle / "tokenizer/tokenizer.json", (bundle / "tokenizer/tokenizer.json").read_bytes() + b" ")

    with pytest.raises(BundleError, match=r"tokenizer.json: content changed"):
        pipeline.tokenize("a cat")


def test_schedules_are_those_that_were_there_when_the_bundle_was_opened(bundle: Path) -> None:
    pipeline = open_bundle(bundle)
    before = pipeline.schedule(2, "ddim")
    write(bundle / pipeline.bundle.manifest.schedules.files["ddim"], b"")

    assert pipeline.schedule(2, "ddim") == before
