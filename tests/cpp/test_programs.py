"""What holds within one process, the examples, the command, and what an outsider's project finds."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cpp.binding import Asked
from tests.cpp.both import Both
from tests.cpp.build import SOURCE, Built
from tests.cpp.bundles import STEPS, many_schedulers

from accel_runtime.plans.spec import PlanSpec

MUTATIONS = 100


def run(*command: object, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["cancel", "threads", "memory"])
def test_a_program_of_tests_passes(cpp: Built, name: str) -> None:
    done = run(cpp.test(name), many_schedulers(), cpp.onnxruntime)

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


def test_the_command_draws_the_picture_of_the_library(cpp: Built, both: Both, tmp_path: Path) -> None:
    options = (
        "--plan",
        "every:2",
        "--scheduler",
        "ddim",
        "--steps",
        STEPS,
        "--guidance",
        4,
        "--seed",
        3,
        "--threads",
        1,
    )
    command = (cpp.folder / "accel-run", many_schedulers(), "owl", "--ort", cpp.onnxruntime, *options)
    if not Path(command[0]).exists():
        pytest.skip("no libpng-dev to build accel-run with")

    done = run(*command, "-o", "owl.png", folder=tmp_path)

    assert done.returncode == 0, done.stderr
    expected, _ = both.drawn_by_cpp(
        PlanSpec(deep="every:2", scheduler="ddim", steps=STEPS), Asked(("owl",), guidance=4.0, seed=3)
    )
    with Image.open(tmp_path / "owl.png") as image:
        assert np.array_equal(np.asarray(image), expected[0])
    again = run(*command, "--image", "owl.png", "--strength", 0.6, "-q", "-o", "again.png", folder=tmp_path)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_the_command_refuses_in_one_line(cpp: Built, tmp_path: Path) -> None:
    if not (command := cpp.folder / "accel-run").exists():
        pytest.skip("no libpng-dev to build accel-run with")
    bundle = many_schedulers()
    for arguments, code, text in (
        ((), 2, "expected a bundle and a prompt"),
        ((bundle,), 2, "expected a bundle and a prompt"),
        ((bundle, "a", "--colour"), 2, "unknown option --colour"),
        ((bundle, "a", "--steps"), 2, "--steps: expected a value"),
        ((bundle, "a", "--steps", "many"), 2, "--steps: expected a number, got 'many'"),
        ((bundle, "a", "--steps", "0"), 2, "steps: expected 1 to 1000, got 0"),
        ((bundle, "a", "--height", "64"), 2, "expected both or none"),
        ((bundle, "a", "--plan", "sometimes"), 2, "expected full, every:N"),
        ((bundle, "a", "--image", "none.png"), 1, "none.png: cannot be read"),
        ((bundle, "a", "--ort", "none.so"), 1, "cannot load ONNX Runtime"),
        (("nowhere", "a"), 1, "not a bundle"),
        (
            (bundle, "a", "--ort", cpp.onnxruntime, "--scheduler", "ddim", "--steps", 5, "-q", "-o", "no/x.png"),
            1,
            "x.png",
        ),
    ):
        done = run(command, *arguments, folder=tmp_path)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1), done.stderr
        assert text in done.stderr
    assert run(command, "--help").stdout.startswith("usage: accel-run BUNDLE PROMPT")
    assert "ABI 1" in run(command, "--version").stdout


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
