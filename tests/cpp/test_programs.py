"""What holds within one process, the examples, and what an outsider's project finds."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.bundles import family_bundle
from tests.cpp.build import SOURCE, Built, run
from tests.cpp.bundles import many_schedulers

MUTATIONS = 100
EXHAUSTED_EVERY = 7


@pytest.mark.parametrize("name", ["cancel", "threads", "memory", "low_memory"])
def test_a_program_of_tests_passes(cpp: Built, name: str) -> None:
    done = run(cpp.test(name), many_schedulers(), cpp.onnxruntime)

    assert done.returncode == 0, done.stdout + done.stderr


def test_memory_that_runs_out_at_any_allocation_of_opening_is_an_error(cpp: Built) -> None:
    done = run(cpp.test("exhaustion"), family_bundle("sd21"), EXHAUSTED_EVERY)

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_changed_bundle_is_an_error_or_a_bundle(cpp: Built, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(many_schedulers(), folder)

    done = run(cpp.test("mutations"), folder, MUTATIONS)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_examples_draw_a_picture(cpp: Built, tmp_path: Path) -> None:
    arguments = (many_schedulers(), cpp.onnxruntime, "red apple")
    programs = ([cpp.folder / "examples" / "draw"], [cpp.folder / "examples" / "draw_cpp"])
    by_python = [sys.executable, SOURCE / "examples" / "draw.py", cpp.library]
    for command in (*programs, by_python):
        (tmp_path / "image.ppm").unlink(missing_ok=True)
        done = run(*command, *arguments, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        with Image.open(tmp_path / "image.ppm") as image:
            assert image.size == (64, 64)
            assert np.asarray(image).std() > 5


def test_only_the_functions_of_the_header_can_be_seen(cpp: Built) -> None:
    if sys.platform != "linux" or shutil.which("nm") is None:
        pytest.skip("no nm to list symbols with")
    listed = run("nm", "--dynamic", "--defined-only", "--format=posix", cpp.library).stdout.splitlines()
    names = {line.split()[0] for line in listed if line.split()[1] in "TtDdBbVW"}
    header = (SOURCE / "include" / "accel" / "accel.h").read_text()

    assert names == {name for name in names if name.startswith("accel_")}
    assert all(f"{name}(" in header for name in names)
    assert len(names) == header.count("ACCEL_API ") - header.count("#define ACCEL_API ")


def test_an_installed_library_is_found_by_a_project_of_its_own(cpp: Built, tmp_path: Path) -> None:
    prefix = tmp_path / "prefix"
    assert run("cmake", "--install", cpp.folder, "--prefix", prefix).returncode == 0
    source = SOURCE / "examples" / "consumer"

    done = run("cmake", "-G", "Ninja", "-S", source, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}")
    assert done.returncode == 0, done.stderr
    done = run("cmake", "--build", tmp_path / "build", "--target", "draw")
    assert done.returncode == 0, done.stdout

    done = run(tmp_path / "build" / "draw", many_schedulers(), cpp.onnxruntime, "owl", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (prefix / "lib" / "pkgconfig" / "accel.pc").exists() or list(prefix.rglob("accel.pc"))
