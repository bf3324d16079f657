"""A slice of `make fuzz`, and that it sees what it looks for."""

import os
import signal
import time
from pathlib import Path
from random import Random
from typing import Final

import pytest
from tests.fuzz.formats import Format, Sample, all_formats, place_alone
from tests.fuzz.outcome import FAULTS, digest
from tests.fuzz.workers import Input, User, use_all

_EACH: Final = 8
_DEAR: Final = {"graph": 4, "weights": 3, "tokenizer table": 3, "store": 2}


@pytest.mark.parametrize("name", all_formats())
def test_a_changed_input_gives_a_result_or_one_line(name: str) -> None:
    user = User(all_formats())

    for number in range(_DEAR.get(name, _EACH)):
        outcome, _ = user.use(user.prepare(Input(name, number, seed=20)))
        assert outcome.kind not in FAULTS, f"{name}:{number} --seed 20: {outcome.detail}"


def _use(folder: Path) -> str:
    """What the tests below make of an input: its first letter says how it ends."""
    raw = (folder / "input").read_bytes()
    match raw[:1]:
        case b"h":
            time.sleep(60)
        case b"c":
            os.kill(os.getpid(), signal.SIGKILL)
        case b"t":
            raise ValueError("a bug")
        case b"n":
            os.write(2, b"said by a library")
        case b"l":
            (folder / ".input.partial").touch()
    return digest(raw)


@pytest.mark.parametrize(
    ("letter", "kind"),
    [
        ("h", "hang"),
        ("c", "crash"),
        ("t", "traceback"),
        ("n", "untidy"),
        ("l", "untidy"),
        ("s", "same"),
        ("o", "other"),
    ],
)
def test_what_goes_wrong_is_counted_and_the_next_input_is_used(letter: str, kind: str) -> None:
    def change(raw: bytes, rng: Random) -> bytes:
        return letter.encode() if rng.random() < 2 and letter != "s" else raw

    form = Format("letters", 1, lambda: (Sample("input", b"sound"),), change, place_alone, (_use,))
    inputs = [Input("letters", 0, seed=0), Input("letters", 1, seed=0)]

    used = list(use_all(inputs, {"letters": form}, workers=1, hang_s=0.5))

    assert [each.input.number for each in used] == [0, 1]
    assert [each.outcome.kind for each in used] == [kind, kind]
