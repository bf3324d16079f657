"""What many tests share: one small pipeline and its bundles, made once for each content and kept between runs."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from tests.bundles import kept_bundle, kept_source, small_bundle
from tests.kept import forget_unused, is_whole
from tests.summary import not_run

from accel_runtime import Pipeline, open_bundle

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Beside other work any example can be slow, and says nothing of what is tested.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


def pytest_configure() -> None:
    """Workers of one machine share its processors: torch would start a thread for each in every one of them."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers > 1:
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes minutes to compile comes first: one worker has all the tests of it, and no other waits for them."""
    items.sort(key=lambda item: "inductor_bundle" not in getattr(item, "fixturenames", ()))


def pytest_sessionfinish() -> None:
    forget_unused()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was not run for want of a browser, a peer or a device."""
    if lines := list(not_run(terminalreporter.getreports("skipped"))):
        terminalreporter.section("not run on this machine")
        for line in lines:
            terminalreporter.line(line)


@pytest.fixture(scope="session", autouse=True)
def schedules_of_this_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Schedules that are compiled are kept apart from the user's, which other code may have compiled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ACCEL_SCHEDULES", str(tmp_path_factory.mktemp("schedules")))
        yield


@pytest.fixture(scope="session")
def source_folder() -> Iterator[Path]:
    """A diffusers folder with a small random pipeline."""
    yield from unchanged(kept_source())


@pytest.fixture(scope="session")
def bundle_folder() -> Iterator[Path]:
    """That pipeline as a bundle with every branch and open dimensions."""
    yield from unchanged(small_bundle())


@pytest.fixture(scope="session")
def pipeline(bundle_folder: Path) -> Pipeline:
    """The bundle, opened."""
    return open_bundle(bundle_folder)


@pytest.fixture(scope="session")
def half_folder(source_folder: Path) -> Iterator[Path]:
    """That pipeline in half precision."""
    from accel_exporter import ExportOptions

    options = ExportOptions(branches=(0, 1), dtype="float16", vae_dtype="float16", schedulers=("ddim",), max_steps=10)
    yield from unchanged(kept_bundle("float16", source_folder, options))


@pytest.fixture(scope="session")
def forms_folder(source_folder: Path) -> Iterator[Path]:
    """That pipeline in all forms of graphs: one branch, one scheduler."""
    from accel_exporter import ExportOptions, parse_forms

    forms = parse_forms(["fused,attention,native"])
    options = ExportOptions(branches=(0,), schedulers=("ddim",), max_steps=4, forms=forms)
    yield from unchanged(kept_bundle("forms", source_folder, options))


@pytest.fixture(scope="session")
def diffusers_pipeline(source_folder: Path) -> Any:
    """The same folder in diffusers itself."""
    from tests.exporter.pipelines import load_in_diffusers

    return load_in_diffusers(source_folder)


@pytest.fixture(scope="session")
def inductor_bundle(source_folder: Path) -> Iterator[Path]:
    """That pipeline with AOTInductor packages, which take a minute to compile: one branch, its own scheduler."""
    from accel_exporter import ExportOptions

    options = ExportOptions(branches=(0,), schedulers=("pndm",), max_steps=6, with_inductor=True)
    yield from unchanged(kept_bundle("inductor", source_folder, options))


def unchanged(folder: Path) -> Iterator[Path]:
    """The kept folder; at the end of the session it is as it was."""
    yield folder
    assert is_whole(folder), f"a test changed {folder}, which others read: let it change a copy"


_QUIET_BROWSER = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """Headless Chromium, where one is installed."""
    sync_api = pytest.importorskip("playwright.sync_api")
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("no chromium, chromium-browser or google-chrome is installed")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=_QUIET_BROWSER)
        yield opened
        opened.close()
