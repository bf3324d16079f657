"""Low memory: Python's pictures in low memory, to the bit, and the same choice where it is left open."""

import shutil
from collections.abc import Iterator
from ctypes import c_void_p
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image
from tests.bundles import family_bundle
from tests.cpp.binding import INPUT, Asked, Library, LibraryError
from tests.cpp.both import Both
from tests.cpp.build import Built, run

from accel_runtime.backends.onnxruntime import OnnxRuntimeBackend
from accel_runtime.bundle.bundle import write_manifest
from accel_runtime.manifest import read_manifest
from accel_runtime.plans.forecast import Forecast
from accel_runtime.plans.spec import PlanSpec

KEEP_LOADED, LOW, BY_MODEL = range(3)
SIDES = (16, 24)
SPEC = PlanSpec(deep="every:2", branch=1, forecast=Forecast.LINEAR, guided_calls=(0, 2), steps=4)


@pytest.fixture(params=["sd21", "sdxl"])
def frugal(request: pytest.FixtureRequest, library: Library, cpp: Built) -> Iterator[Both]:
    backend, python = library.open_backend(cpp.onnxruntime, threads=1), OnnxRuntimeBackend("cpu", threads=1)
    opened = Both.on(library, family_bundle(request.param), backend=backend, python=python, low_memory=True)
    yield opened
    opened.close()


def test_low_memory_draws_what_python_draws_in_low_memory(frugal: Both) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*SIDES, 3), np.uint8)

    frugal.check_equal(SPEC, Asked(("a fox", "an owl"), negatives=("blue", ""), guidance=5.0, seed=2))
    frugal.check_equal(PlanSpec(deep="full", steps=4), Asked(("a fox",), guidance=5.0, image=image, strength=0.75))


def has_low_memory(library: Library, cpp: Built, folder: Path, *, memory: int) -> bool:
    bundle, backend = library.open_bundle(folder), library.open_backend(cpp.onnxruntime)
    pipeline = library.open_pipeline(bundle, backend, memory=memory)
    has = library.has_low_memory(pipeline)
    for kind, handle in {"pipeline": pipeline, "backend": backend, "bundle": bundle}.items():
        library.close(kind, handle)
    return has


def test_where_it_is_left_open_a_large_model_has_low_memory(library: Library, cpp: Built, tmp_path: Path) -> None:
    small, large = family_bundle("sd21"), tmp_path / "large"
    shutil.copytree(small, large)
    manifest = read_manifest(large)
    deep = msgspec.structs.replace(manifest.deep, parameters=860_000_000)
    graphs = {**manifest.graphs, manifest.denoiser.deep: deep}
    write_manifest(large, msgspec.structs.replace(manifest, graphs=graphs))

    chosen = [
        has_low_memory(library, cpp, folder, memory=memory)
        for folder in (small, large)
        for memory in (KEEP_LOADED, LOW, BY_MODEL)
    ]

    assert chosen == [False, True, False, False, True, True]


def test_another_number_than_the_header_has_is_refused(library: Library, cpp: Built) -> None:
    for memory in (-1, BY_MODEL + 1):
        with pytest.raises(LibraryError, match=f"memory: expected 0 to 2, got {memory}") as failed:
            has_low_memory(library, cpp, family_bundle("sd21"), memory=memory)
        assert failed.value.status == INPUT
    assert not library.has_low_memory(c_void_p())


def test_the_command_draws_in_low_memory_where_it_is_told_to(cpp: Built, frugal: Both, tmp_path: Path) -> None:
    folder = frugal.python.bundle.folder
    options = ("--steps", 4, "--guidance", 5, "--seed", 2, "--threads", 1, "--plan", "every:2")
    asked = Asked(("a fox",), guidance=5.0, seed=2)
    expected = frugal.drawn_by_cpp(PlanSpec(deep="every:2", steps=4), asked)[0]
    for flag in ("--low-memory", "--keep-loaded"):
        done = run(cpp.command, folder, "a fox", "--ort", cpp.onnxruntime, *options, flag, "-o", tmp_path / "fox.png")

        assert done.returncode == 0, done.stderr
        with Image.open(tmp_path / "fox.png") as image:
            assert np.abs(np.asarray(image).astype(int) - expected[0]).max() <= (0 if flag == "--low-memory" else 1)
