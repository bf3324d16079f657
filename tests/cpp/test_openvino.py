"""OpenVINO's own C API draws what the Python runtime draws through OpenVINO's Python API."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.bundles import family_bundle
from tests.cpp.binding import BACKEND, INPUT, Asked, Library, LibraryError
from tests.cpp.both import Both
from tests.cpp.build import openvino_library

from accel_runtime.backends.openvino import OpenVinoBackend
from accel_runtime.plans.forecast import Forecast
from accel_runtime.plans.spec import PlanSpec

FAMILY = "sdxl"


@pytest.fixture(scope="module")
def openvino() -> Path:
    return openvino_library()


@pytest.fixture
def both(library: Library, openvino: Path) -> Iterator[Both]:
    backend = library.open_backend(openvino, provider="openvino:f32", threads=1)
    python = OpenVinoBackend("CPU", precision="f32", threads=1)
    opened = Both.on(library, family_bundle(FAMILY), backend=backend, python=python)
    yield opened
    opened.close()


def test_a_picture_is_that_of_the_python_backend(both: Both) -> None:
    spec = PlanSpec(deep="every:2", branch=1, forecast=Forecast.LINEAR, guided_calls=(0, 2), steps=4)

    for seed in (0, 1):  # the second is drawn by what was compiled for the first
        both.check_equal(spec, Asked(("a fox", "an owl"), negatives=("blue", ""), guidance=5.0, seed=seed))


def test_what_runs_is_told(library: Library, openvino: Path) -> None:
    backend = library.open_backend(openvino, provider="openvino:CPU:f32", threads=1)
    told = library.text("backend_description", backend)
    library.close("backend", backend)

    assert told is not None
    assert told.startswith("openvino 20")
    assert told.endswith(", CPU, f32")


def test_compiled_graphs_are_kept_in_the_folder_that_is_asked_for(
    library: Library, openvino: Path, tmp_path: Path
) -> None:
    options = {"cache_dir": str(tmp_path)}
    backend = library.open_backend(openvino, provider="openvino:f32", threads=1, options=options)
    both = Both.on(library, family_bundle(FAMILY), backend=backend, python=OpenVinoBackend("CPU", precision="f32"))
    both.drawn_by_cpp(PlanSpec(deep="full", steps=2), Asked(("a",), guidance=1.0))
    both.close()

    assert list(tmp_path.glob("*.blob"))


def test_what_openvino_cannot_do_is_refused(library: Library, openvino: Path, tmp_path: Path) -> None:
    for path, provider, options, status, text in (
        (openvino, "openvino:", {}, INPUT, "unknown provider 'openvino:'"),
        (openvino, "openvino", {"colour": "red"}, INPUT, "has the option cache_dir alone, got colour"),
        (openvino, "openvino:XPU", {}, BACKEND, "OpenVINO cannot use 'XPU'"),
        (tmp_path / "none.so", "openvino", {}, BACKEND, "cannot load OpenVINO"),
        (Path("libm.so.6"), "openvino", {}, BACKEND, "not OpenVINO, it has no ov_"),
    ):
        with pytest.raises(LibraryError, match=text) as failed:
            library.open_backend(path, provider=provider, options=options)
        assert failed.value.status == status
        assert "\n" not in str(failed.value)
