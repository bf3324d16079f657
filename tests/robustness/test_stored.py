"""What a search finds in its folder is what it put there, or one line that names the file."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from accel_bench.records.evaluation import Scores
from accel_bench.records.search import StageTimes
from accel_bench.search.space import FULL
from accel_bench.search.store import Entry, Identity, Store
from accel_runtime.errors import InputError

CALLS = 4
SHAPE = (1, 2, 2, 3)
IDENTITY = Identity("b", "cpu", "here", "ddim", 4, 7.5, "p", 0, 1, {}, 2)
TIMES = StageTimes({"deep": (0.1,)}, (0.1,), (0.1,), (0.0,))
SCORES = Scores((1.0,), (0.9,), (0.1,), (30.0,), (True,))
READS: dict[str, Callable[[Store], Any]] = {
    "references/0.npz": lambda store: store.reference(0, SHAPE),
    "calibration/a.npz": lambda store: (store.calibration("a", calls=CALLS), store.calibration_calls()),
    "times.json": Store.times,
    "search.json": lambda store: Store.open(store.folder, IDENTITY),
    f"trials/{FULL.id}.json": lambda store: [*store.entries()],
}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A folder with everything in it."""
    kept = Store.open(tmp_path / "found", IDENTITY)
    kept.keep_reference(0, np.zeros(SHAPE, np.uint8))
    errors, gains = np.zeros((CALLS, CALLS, 5), np.float32), np.array([(1, 0.5), (2, 0.25)])
    kept.keep_calibration("a", errors=errors, gains=gains, calls=np.array([6, 4]))
    kept.keep_times(TIMES)
    kept.keep(Entry(FULL, (SCORES,)))
    return kept


def packed(**arrays: Any) -> bytes:
    file = BytesIO()
    np.savez(file, allow_pickle=True, **arrays)
    return file.getvalue()


def alone(array: Any) -> bytes:
    file = BytesIO()
    np.save(file, array)
    return file.getvalue()


FOREIGN = {
    "no arrays": ("references/0.npz", packed()),
    "other arrays": ("references/0.npz", packed(images=np.zeros(SHAPE, np.uint8))),
    "pictures of another size": ("references/0.npz", packed(pictures=np.zeros((1, 4, 4, 3), np.uint8))),
    "pictures of floats": ("references/0.npz", packed(pictures=np.zeros(SHAPE))),
    "pickled objects": ("references/0.npz", packed(pictures=np.array([{}], object))),
    "an array alone": ("references/0.npz", alone(np.zeros(SHAPE, np.uint8))),
    "an empty file": ("references/0.npz", b""),
    "text": ("references/0.npz", b"pictures"),
    "a calibration without calls": ("calibration/a.npz", packed(errors=np.zeros((4, 4, 5)), gains=np.zeros((1, 2)))),
    "of other calls": ("calibration/a.npz", packed(errors=np.zeros((3, 3, 5)), gains=np.zeros((1, 2)), calls=[1, 1])),
    "of calls after the last": (
        "calibration/a.npz",
        packed(errors=np.zeros((4, 4, 5)), gains=np.array([(9.0, 1.0)]), calls=[1, 1]),
    ),
    "of no numbers": (
        "calibration/a.npz",
        packed(errors=np.full((4, 4, 5), np.nan), gains=np.zeros((1, 2)), calls=[1, 1]),
    ),
    "times that are not UTF-8": ("times.json", msgspec.json.encode(TIMES).replace(b"deep", b"d\xff\xfep")),
    "times nested deeply": ("times.json", b"[" * 100_000),
    "times without end": ("times.json", msgspec.json.encode(TIMES).replace(b"0.1", b"1e308")),
    "an identity of another kind": ("search.json", b"[]"),
    "scores of no picture": (f"trials/{FULL.id}.json", msgspec.json.encode(Entry(FULL, ())).replace(b"[]", b"[{}]")),
}


@pytest.mark.parametrize("name", READS)
def test_what_was_kept_is_read(name: str, store: Store) -> None:
    assert READS[name](store) is not None


@pytest.mark.parametrize("name", FOREIGN)
def test_what_the_search_did_not_put_there_is_one_line(name: str, store: Store) -> None:
    file, raw = FOREIGN[name]
    (store.folder / file).write_bytes(raw)

    with pytest.raises(InputError) as refused:
        READS[file](store)

    assert str(refused.value).startswith(str(store.folder / file))
    assert str(refused.value).endswith("delete it")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", READS)
def test_a_changed_file_is_read_or_one_line(name: str, store: Store) -> None:
    dice, path = np.random.default_rng(19), store.folder / name
    sound = path.read_bytes()
    for _ in range(300):
        raw = bytearray(sound)
        raw[dice.integers(len(raw))] ^= 1 << dice.integers(8)
        path.write_bytes(raw[: dice.choice([len(raw), int(dice.integers(len(raw)))])])
        assert "\n" not in told(READS[name], store)


def told(read: Callable[[Store], Any], store: Store) -> str:
    """What is said; nothing where something was read."""
    try:
        read(store)
    except InputError as error:
        return str(error)
    return ""
