"""Optuna's journal outlives whoever writes it."""

import json
import os
from pathlib import Path

import pytest
from tests.bench.search.answers import follow
from tests.bench.search.test_strategies import CALLS, guess

from accel_bench.search.space import make_space
from accel_bench.search.strategies.journal import Journal
from accel_bench.search.strategies.tpe import Sampler, sample
from accel_bench.search.targets import Target
from accel_runtime.errors import InputError

JOURNAL = "optuna.log"


def sampled(folder: Path, trials: int) -> int:
    """How many trials were asked for until the study in ``folder`` had so many."""
    space = make_space({CALLS: CALLS, 8: 8}, targets=tuple(Target), branches=(0, 1))
    return len(follow(sample(Sampler(space, folder, "study", trials, seed=0), batches=2), guess))


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Of a study of two trials."""
    folder = tmp_path_factory.mktemp("study")
    assert sampled(folder, 2) == 2
    assert os.listdir(folder) == [JOURNAL]
    return (folder / JOURNAL).read_bytes()


@pytest.mark.parametrize("leave", [lambda lock: lock.touch(), lambda lock: lock.symlink_to(JOURNAL)])
def test_a_lock_that_a_killed_search_of_an_earlier_version_left_holds_up_nobody(
    tmp_path: Path, journal: bytes, leave: object
) -> None:
    (tmp_path / JOURNAL).write_bytes(journal)
    assert callable(leave)
    leave(tmp_path / f"{JOURNAL}.lock")

    assert sampled(tmp_path, 3) == 1


def test_a_journal_that_was_cut_anywhere_goes_on(tmp_path: Path, journal: bytes) -> None:
    ends = [at for at in range(len(journal)) if journal[at : at + 1] == b"\n"]
    for end in ends[3::5]:
        for torn in (journal[: end - 3], journal[: end - 3] + b"\0" * 40):
            (tmp_path / JOURNAL).write_bytes(torn)

            assert sampled(tmp_path, 2) in (1, 2)
            lines = (tmp_path / JOURNAL).read_bytes().splitlines()
            assert all(isinstance(json.loads(line), dict) for line in lines)


@pytest.mark.parametrize("line", [b"[]", b"{}", b"no json", b'{"op_code": 99}', b'{"op_code": 4, "worker_id": 1}'])
def test_a_journal_with_a_line_that_is_not_optunas_is_refused_in_one_line(
    tmp_path: Path, journal: bytes, line: bytes
) -> None:
    (tmp_path / JOURNAL).write_bytes(journal + line + b"\n" + journal)

    with pytest.raises(InputError, match=JOURNAL):
        sampled(tmp_path, 3)


def test_readers_are_given_the_lines_from_a_number_on(tmp_path: Path) -> None:
    written = Journal(tmp_path / JOURNAL)
    for number in range(5):
        written.append_logs([{"op_code": number}])
    reader = Journal(tmp_path / JOURNAL)

    for start in (0, 3, 5, 1):
        assert [log["op_code"] for log in reader.read_logs(start)] == list(range(start, 5))
