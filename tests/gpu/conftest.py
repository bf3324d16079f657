"""Tests on a real GPU provider of ONNX Runtime, on a software adapter: `make gpu-test` sets all of it up.

They need ONNX Runtime with WebGPU, which owns the folder of every other build, so they run in an environment of their
own, without torch. Without it they are skipped.
"""

import os
from pathlib import Path

import pytest

from accel_runtime import Pipeline, open_bundle
from accel_runtime.backends import Backend, make_backend
from accel_runtime.backends.onnxruntime.adapters import list_adapters

BUNDLES = "ACCEL_GPU_BUNDLES"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if missing := _missing():
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=missing))


def _missing() -> str | None:
    import onnxruntime

    if "WebGpuExecutionProvider" not in onnxruntime.get_available_providers() or BUNDLES not in os.environ:
        return "needs a GPU, or the software one that `make gpu-test` sets up"
    return None


@pytest.fixture(scope="session")
def bundles() -> Path:
    """What `tests.gpu_bundles` wrote."""
    return Path(os.environ[BUNDLES])


@pytest.fixture(scope="session")
def provider() -> str:
    """The name of what is tested; a real adapter where there is one."""
    (first, *_) = list_adapters()
    return "webgpu:software" if first.is_software else "webgpu"


@pytest.fixture(scope="session")
def device(provider: str) -> Backend:
    """One backend for all tests, as shaders are compiled once in its life."""
    return make_backend(provider)


@pytest.fixture(scope="session")
def on_device(bundles: Path, device: Backend) -> Pipeline:
    """The small random pipeline on the device."""
    return open_bundle(bundles / "small", device)


@pytest.fixture(scope="session")
def on_host(bundles: Path) -> Pipeline:
    """The same on the CPU."""
    return open_bundle(bundles / "small")
