"""libaccel, built once for each content: ninja knows what is new."""

import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from filelock import FileLock

ROOT: Final = Path(__file__).parents[2]
SOURCE: Final = ROOT / "runtime" / "cpp"
_TOOLS: Final = ("cmake", "ninja", "c++")
_SETTINGS: Final = (["cmake", "--preset", "test", "-G", "Ninja"], ["cmake", "--build", "--preset", "test", "-j", "2"])


@dataclass(frozen=True)
class Built:
    """Where things are.

    Attributes:
        folder: The build's.
        onnxruntime: The library of the installed ONNX Runtime.
    """

    folder: Path
    onnxruntime: Path

    @property
    def library(self) -> Path:
        return self.folder / "libaccel.so"

    @property
    def command(self) -> Path:
        """`accel-run`; skips where it could not be built."""
        if not (path := self.folder / "accel-run").exists():
            pytest.skip("no libpng-dev to build accel-run with")
        return path

    def test(self, name: str) -> Path:
        """A program of `runtime/cpp/tests`."""
        return self.folder / "tests" / f"test_{name}"


@cache
def built() -> Built:
    """The build; skips where there is no compiler or no library to build with, and fails where the build fails."""
    if lacking := [tool for tool in _TOOLS if shutil.which(tool) is None]:
        pytest.skip(f"no {', '.join(lacking)} to build libaccel with")
    folder = ROOT / "build" / "cpp" / "test"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        for command in _SETTINGS:
            done = subprocess.run(command, cwd=SOURCE, capture_output=True, text=True, check=False)
            if "is not there: on Debian" in done.stderr:
                pytest.skip("no nlohmann-json3-dev or libssl-dev to build libaccel with")
            assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return Built(folder, onnxruntime_library())


def onnxruntime_library() -> Path:
    """The shared library in the wheel, which has no headers."""
    import onnxruntime

    folder = Path(onnxruntime.__file__).parent / "capi"
    found = sorted([*folder.glob("libonnxruntime.so*"), *folder.glob("libonnxruntime*.dylib")])
    if not found:
        pytest.skip("the installed onnxruntime has no shared library")
    return found[0]


def openvino_library() -> Path:
    """OpenVINO's C API in the wheel."""
    openvino = pytest.importorskip("openvino")
    folder = Path(openvino.__file__).parent / "libs"
    found = sorted([*folder.glob("libopenvino_c.so*"), *folder.glob("libopenvino_c*.dylib")])
    if not found:
        pytest.skip("the installed openvino has no C API")
    return found[0]


def run(*command: object, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A program to its end, with what it said."""
    return subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True, check=False)
