"""What tests of scores share."""

from pathlib import Path

import pytest
from tests.bench.quality.standin import write_data
from tests.bench.quality.tiny_clip import write_clip


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Captions and a stand-in for emoji-clip."""
    folder = tmp_path_factory.mktemp("quality") / "data"
    write_data(folder)
    return folder


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny CLIP checkpoint."""
    folder = tmp_path_factory.mktemp("clip") / "tiny"
    write_clip(folder)
    return folder
