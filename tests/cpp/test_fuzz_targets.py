"""What libFuzzer begins with is what libaccel reads, so that it gets beyond a reader's first check."""

from pathlib import Path

import pytest
from tests.cpp.build import Built, run
from tests.cpp.seeds import seeds, write

TARGETS = ("manifest", "plan", "schedules", "tokenizer")


@pytest.mark.parametrize("target", TARGETS)
def test_every_seed_is_read(cpp: Built, tmp_path: Path, target: str) -> None:
    write(tmp_path)
    files = sorted((tmp_path / target).iterdir())

    done = run(cpp.test("readers"), target, *files)

    assert dict(zip(files, done.stdout.splitlines(), strict=True)) == dict.fromkeys(files, "read"), done.stderr


@pytest.mark.parametrize("target", TARGETS)
def test_a_seed_that_is_cut_off_is_refused(cpp: Built, tmp_path: Path, target: str) -> None:
    files = []
    for name, raw in seeds(target).items():
        files.append(tmp_path / name)
        files[-1].write_bytes(raw[:-3])

    done = run(cpp.test("readers"), target, *files)

    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(files)
    assert "read" not in done.stdout.splitlines()
