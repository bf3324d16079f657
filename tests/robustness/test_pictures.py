"""A picture from anyone is a picture or one line: no program is started, and no more is unpacked than it may have."""

import os
import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.bench.records.made import bench_record, plan_run
from tests.command import accel, assert_refused
from tests.test_layering import LAYERS

from accel_bench.base.pictures import MOST_PIXELS, PHOTOS, open_picture
from accel_bench.images import read_image
from accel_bench.records.bench import PlanRun
from accel_bench.report.pictures import pictures
from accel_runtime.errors import InputError

ORIENTATION = 0x0112


def pixels(height: int = 24, width: int = 32) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)


def encoded(kind: str, *, orientation: int = 1) -> bytes:
    exif, file = Image.Exif(), BytesIO()
    exif[ORIENTATION] = orientation
    options = {"exif": exif} if kind in ("JPEG", "PNG", "WEBP", "TIFF") else {}
    Image.fromarray(pixels()).save(file, format=kind, **options)
    return file.getvalue()


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of grey pixels that says it has this size, with further chunks in place of most of its pixels."""
    header = (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    body = (header, *chunks, (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in body
    )


def changed(raw: bytes, dice: np.random.Generator) -> bytes:
    """Some bytes are others; half of the time the end is missing."""
    copy = bytearray(raw)
    for place in dice.integers(len(raw), size=dice.choice([1, 1, 4])):
        copy[place] = dice.choice([0, 1, 127, 128, 255, int(dice.integers(256))])
    return bytes(copy[: dice.choice([len(raw), int(dice.integers(len(raw)))])])


@pytest.mark.parametrize("kind", PHOTOS)
def test_a_changed_file_is_a_picture_or_one_line_that_names_it(kind: str) -> None:
    dice, sound = np.random.default_rng(19), encoded(kind)
    assert open_picture(BytesIO(sound), "photo").size == (32, 24)

    refusals = [refusal for _ in range(1000) if (refusal := picture_or_line(changed(sound, dice)))]

    assert refusals
    assert all(refusal.startswith("photo: ") and "\n" not in refusal for refusal in refusals)


def picture_or_line(raw: bytes) -> str:
    """What is said of a file; nothing where it is a picture within bounds."""
    try:
        shown = open_picture(BytesIO(raw), "photo")
    except InputError as error:
        return str(error)
    assert shown.mode == "RGB"
    assert shown.width * shown.height <= MOST_PIXELS
    return ""


@pytest.mark.parametrize("kind", sorted({*Image.SAVE, "EPS", "IM", "AVIF", "PPM", "ICO", "PDF"} - {*PHOTOS}))
def test_another_format_is_refused_whatever_the_file_is_called(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{fake_ghostscript(tmp_path)}{os.pathsep}{os.environ['PATH']}")
    try:
        Image.fromarray(pixels()).save(tmp_path / "photo.png", format=kind)
    except (KeyError, OSError, ValueError):
        pytest.skip(f"Pillow cannot write {kind}")

    with pytest.raises(InputError, match=r"photo\.png: not a picture \(PNG, JPEG, WEBP, GIF, BMP, TIFF\)"):
        read_image(tmp_path / "photo.png", multiple=8)

    assert not (tmp_path / "started").exists()


def fake_ghostscript(folder: Path) -> Path:
    """A folder with a `gs` that leaves a file."""
    program = folder / "bin" / "gs"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {folder / 'started'}\n")
    program.chmod(0o755)
    return program.parent


BOMBS = {
    "more pixels than memory": (png(10**8, 10**8), "pixels"),
    "more pixels than are read": (png(MOST_PIXELS // 8, 9), f"at most {MOST_PIXELS:,} pixels"),
    "a row that is not there": (png(10**8, 1), "truncated"),
    "text that is long when unpacked": (png(8, 8, (b"zTXt", b"a\0\0" + zlib.compress(b"a" * 2**26))), "too large"),
    "many such texts": (png(8, 8, *[(b"zTXt", b"a\0\0" + zlib.compress(b"a" * 2**20))] * 80), "text"),
    "nothing": (b"", "another kind"),
    "a folder": (None, "Is a directory"),
}


@pytest.mark.parametrize(("raw", "reason"), BOMBS.values(), ids=BOMBS)
def test_what_would_fill_the_memory_is_one_line(raw: bytes | None, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.mkdir() if raw is None else path.write_bytes(raw)

    with pytest.raises(InputError, match=f"photo.png: .*{reason}"):
        read_image(path, multiple=8)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", [*range(10)])
def test_a_photo_stands_as_diffusers_loads_it(kind: str, orientation: int, tmp_path: Path) -> None:
    from diffusers.utils import load_image

    path = tmp_path / "photo"
    path.write_bytes(encoded(kind, orientation=orientation))

    ours = np.asarray(open_picture(path, "photo"))

    assert np.array_equal(ours, np.asarray(load_image(str(path))))
    assert ours.shape == ((32, 24, 3) if orientation in (5, 6, 7, 8) else (24, 32, 3))


def test_a_photo_of_a_telephone_is_drawn_upright(bundle_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(encoded("JPEG", orientation=6))

    words = ("generate", bundle_folder, "a", "--image", "photo.jpg", "--strength", "1", "--steps", "2")
    done = accel(*words, cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert open_picture(tmp_path / "image.png", "drawn").size == (24, 32)


def test_a_record_s_picture_is_a_png_or_one_line() -> None:
    run = plan_run("every:2", deep=5, shallow=5)
    full = plan_run("full", deep=10, shallow=0)
    for raw in (encoded("GIF"), b"%!PS-Adobe-3.0 EPSF-3.0", png(10**8, 10**8)):
        record = bench_record(plans=(full, PlanRun(run.facts, run.warm_up_s, run.images, raw)))
        with pytest.raises(InputError, match="the record's picture of every:2: "):
            pictures(record)


def test_a_picture_that_is_none_is_one_line_of_the_command(bundle_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n")

    assert_refused(accel("generate", bundle_folder, "a", "--image", "photo.png", cwd=tmp_path), "photo.png: not a pict")


def test_no_other_place_opens_pictures() -> None:
    files = [file for layer in LAYERS.values() for file in layer.rglob("*.py")]

    assert {file.name for file in files if "Image.open(" in file.read_text()} == {"pictures.py"}
