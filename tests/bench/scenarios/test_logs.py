"""The load generator's logs appear whole or not at all, and replace nothing but logs."""

import os
from pathlib import Path

import pytest

from accel_bench.scenarios.process import log_folder
from accel_runtime.errors import InputError

SUMMARY = "mlperf_log_summary.txt"


def test_logs_replace_logs(tmp_path: Path) -> None:
    for text in ("old", "new"):
        with log_folder(tmp_path / "logs" / "full") as folder:
            (folder / SUMMARY).write_text(text)

    assert (tmp_path / "logs" / "full" / SUMMARY).read_text() == "new"
    assert os.listdir(tmp_path / "logs") == ["full"]


def test_logs_replace_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("mine")
    with pytest.raises(InputError, match=r"thesis\.tex: no log of the load generator"), log_folder(tmp_path / "full"):
        pass

    assert (tmp_path / "full" / "thesis.tex").read_text() == "mine"
    assert os.listdir(tmp_path) == ["full"]
