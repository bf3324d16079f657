"""The build, the library in it, and both runtimes on the bundle that most tests draw from."""

from collections.abc import Iterator

import pytest
from tests.cpp.binding import Library
from tests.cpp.both import Both
from tests.cpp.build import Built, built
from tests.cpp.bundles import many_schedulers


@pytest.fixture(scope="session")
def cpp() -> Built:
    """The build."""
    return built()


@pytest.fixture(scope="session")
def library(cpp: Built) -> Library:
    """The library, loaded."""
    return Library(cpp.library)


@pytest.fixture(scope="module")
def both(library: Library, cpp: Built) -> Iterator[Both]:
    """The built-in model with many schedulers, opened by both runtimes."""
    opened = Both.open(library, many_schedulers(), onnxruntime=cpp.onnxruntime)
    yield opened
    opened.close()
