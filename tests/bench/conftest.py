"""What tests of scores share."""

from pathlib import Path

import pytest
from tests.bench.quality.standin import write_data


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Captions and a stand-in for emoji-clip."""
    folder = tmp_path_factory.mktemp("quality") / "data"
    write_data(folder)
    return folder
