"""The folder of a search: what was measured so far, one file each, so that nothing is measured twice."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from accel_bench.base.files import write_record
from accel_bench.base.text import differences
from accel_bench.records.evaluation import Scores
from accel_bench.records.search import StageTimes
from accel_bench.search.space import Candidate
from accel_runtime.base.reading import decode_json, read_document
from accel_runtime.durable import PATIENCE_S, lock, make_folder, sweep, write_bytes, write_file
from accel_runtime.errors import InputError, first_line
from accel_runtime.plans.deep_calls import CallNumber
from accel_runtime.plans.spec import PlanSpec

Stored = TypeVar("Stored")
# None stands for any length.
Shape: TypeAlias = tuple[int | None, ...]
# By an array's name: its dtype's kind, as numpy calls it, and its shape.
Kinds: TypeAlias = Mapping[str, tuple[str, Shape]]

_SEARCH, _TIMES, _BFLOAT16 = "search.json", "times.json", "bfloat16.json"
_PARTS: Final = ("trials", "references", "calibration", "solved")


class Identity(msgspec.Struct, frozen=True):
    """What all results of a search depend on; a folder holds those of one identity.

    Attributes:
        bundle: Digest of the bundle without its plans, which add nothing to what is measured.
        backend: What runs it, with its version and options.
        machine: Machine whose times they are.
        prompts: Hash of all that prompts are taken from, in order; how many are judged may grow.
        seed: Seed of the first picture.
        scorers: What a score depends on.
        version: Version of the folder's files; 2 holds plans as plan files do.
    """

    bundle: str
    backend: str
    machine: str
    scheduler: str
    steps: int
    guidance: float
    prompts: str
    seed: int
    batch: int
    scorers: dict[str, str]
    version: Literal[2]


class Entry(msgspec.Struct, frozen=True):
    """A candidate with the scores of its first batches, and where a rule decided, the deep calls of each."""

    candidate: Candidate
    batches: tuple[Scores, ...]
    deep_calls: tuple[tuple[CallNumber, ...], ...] = ()


class Solved(msgspec.Struct, frozen=True):
    """A plan with skipped calls, and the UNet calls of one picture each that solving it took."""

    plan: PlanSpec
    deep: int
    shallow: int


@dataclass(frozen=True, slots=True)
class Store:
    """The folder.

    Several processes may use it: files are whole or not there, and who reads before writing holds a lock.
    """

    folder: Path

    @classmethod
    def open(cls, folder: Path, identity: Identity) -> "Store":
        """Make the folder, or go on in it.

        Raises:
            InputError: It holds a search of other settings, or something else, or cannot be written.
        """
        store = cls(folder)
        store._check_folder()
        make_folder(folder)
        with store._locked():
            known = store._read(_SEARCH, Identity)
            if known is not None and known != identity:
                differ = differences(known, identity, hidden={"scorers"})
                raise InputError(f"{folder}: holds a search of {differ}: choose another folder")
            # First: a folder without it is somebody else's.
            write_record(folder / _SEARCH, identity)
            for part in ("", *_PARTS):
                make_folder(folder / part)
                sweep(folder / part)
        return store

    def entry(self, candidate: Candidate) -> Entry:
        """The results of a candidate; without batches where there are none."""
        known = self._read(self._trial(candidate), Entry)
        return known or Entry(candidate, ())

    def entries(self) -> Iterator[Entry]:
        """Every candidate."""
        for path in sorted((self.folder / "trials").glob("*.json")):
            entry = self._read(f"trials/{path.name}", Entry)
            if entry is not None:
                yield entry

    def keep(self, entry: Entry) -> None:
        """Write a candidate, unless more of it is known by now."""
        with self._locked():
            if len(self.entry(entry.candidate).batches) < len(entry.batches):
                self._write(self._trial(entry.candidate), msgspec.json.encode(entry))

    def reference(self, batch: int, shape: Shape = (None, None, None, 3)) -> NDArray[np.uint8] | None:
        """The baseline's pictures of a batch, [B, H, W, 3]; None where they were not drawn yet.

        Raises:
            InputError: The file is another's, or of pictures that have not this ``shape``.
        """
        found = self._arrays(f"references/{batch}.npz", {"pictures": ("u", shape)})
        return None if found is None else found["pictures"]

    def keep_reference(self, batch: int, pictures: NDArray[np.uint8]) -> None:
        """Write the baseline's pictures of a batch."""
        self._write_arrays(f"references/{batch}.npz", pictures=pictures)

    def calibration(self, name: str, *, calls: int) -> dict[str, NDArray[Any]] | None:
        """The arrays of a part of a calibration; None where it was not run yet.

        Raises:
            InputError: The file is another's, or of another number of UNet ``calls``.
        """
        kinds: Kinds = {"errors": ("f", (calls, calls, None)), "gains": ("f", (None, 2))}
        found = self._arrays(f"calibration/{name}.npz", kinds)
        if found is not None and not set(found["gains"][:, 0]) <= set(range(calls)):
            raise self._foreign(f"calibration/{name}.npz", f"expected gains of {calls} calls")
        return found

    def keep_calibration(self, name: str, **arrays: NDArray[Any]) -> None:
        """Write a part of a calibration."""
        self._write_arrays(f"calibration/{name}.npz", **arrays)

    def teacher(self, name: str, *, calls: int) -> dict[str, NDArray[Any]] | None:
        """The arrays of a batch's uncached run; None where it was not run yet.

        Raises:
            InputError: The file is another's, or of another number of UNet ``calls``.
        """
        rows: Shape = (None, None)
        kinds: Kinds = {
            "latents": ("f", (calls + 1, *rows)),
            "noises": ("f", (calls, *rows)),
            "shallow": ("f", (calls, None, *rows)),
            "gains": ("f", (None, 2)),
        }
        return self._arrays(f"calibration/{name}.npz", kinds)

    def solved(self, name: str) -> PlanSpec | None:
        """A solved plan; None where it was not solved yet."""
        known = self._read(f"solved/{name}.json", Solved)
        return None if known is None else known.plan

    def keep_solved(self, name: str, plan: PlanSpec, *, deep: int, shallow: int) -> None:
        """Write a solved plan, and the UNet calls of one picture each that solving it took."""
        self._write(f"solved/{name}.json", msgspec.json.encode(Solved(plan, deep, shallow)))

    def calibration_calls(self) -> dict[str, int]:
        """UNet calls of one picture each that all parts of calibrations, and solving, took."""
        names = [f"calibration/{path.name}" for path in (self.folder / "calibration").glob("*.npz")]
        parts = [found["calls"] for name in names if (found := self._arrays(name, {"calls": ("i", (2,))})) is not None]
        solved = [self._read(f"solved/{path.name}", Solved) for path in (self.folder / "solved").glob("*.json")]
        parts += [np.array([each.deep, each.shallow]) for each in solved if each is not None]
        return {"deep": sum(int(part[0]) for part in parts), "shallow": sum(int(part[1]) for part in parts)}

    def times(self) -> StageTimes | None:
        """The times of all graphs; None where they were not measured yet."""
        return self._read(_TIMES, StageTimes)

    def keep_times(self, times: StageTimes) -> None:
        """Write the times of all graphs."""
        self._write(_TIMES, msgspec.json.encode(times))

    def bfloat16(self) -> tuple[Scores, ...]:
        """The scores of the uncached pictures in bfloat16, of the first batches."""
        return self._read(_BFLOAT16, tuple[Scores, ...]) or ()

    def keep_bfloat16(self, batches: tuple[Scores, ...]) -> None:
        """Write the scores of the uncached pictures in bfloat16."""
        self._write(_BFLOAT16, msgspec.json.encode(batches))

    def _check_folder(self) -> None:
        if self.folder.exists() and not (self.folder / _SEARCH).is_file() and not _is_empty(self.folder):
            raise InputError(f"{self.folder}: expected the folder of a search, or a new one, got something else")

    def _locked(self) -> AbstractContextManager[None]:
        """For what reads first and then writes; it takes milliseconds."""
        return lock(self.folder / _SEARCH, patience_s=PATIENCE_S)

    @staticmethod
    def _trial(candidate: Candidate) -> str:
        return f"trials/{candidate.id}.json"

    def _read(self, name: str, kind: type[Stored]) -> Stored | None:
        path = self.folder / name
        if not path.exists():
            return None
        raw = read_document(path, error=InputError)
        try:
            return decode_json(raw, kind, path=path, error=InputError)
        except InputError as error:
            raise InputError(f"{error}: not a file of this version's search: delete it") from error

    def _write(self, name: str, raw: bytes) -> None:
        write_bytes(self.folder / name, raw)

    def _arrays(self, name: str, kinds: Kinds) -> dict[str, NDArray[Any]] | None:
        """The arrays of these kinds of a file; None where it is not there."""
        try:
            with (self.folder / name).open("rb") as file, np.load(file) as arrays:
                found = {key: arrays[key] for key in kinds}
        except FileNotFoundError:
            return None
        except MemoryError:
            raise
        # numpy and zipfile raise whatever goes wrong in them.
        except Exception as error:
            raise self._foreign(name, first_line(error)) from error
        for key, (kind, shape) in kinds.items():
            if not _is_of(found[key], kind, shape=shape):
                raise self._foreign(name, f"{key}: got {found[key].dtype} {list(found[key].shape)}")
        return found

    def _foreign(self, name: str, reason: str) -> InputError:
        return InputError(f"{self.folder / name}: {reason}: not a file of this version's search: delete it")

    def _write_arrays(self, name: str, **arrays: NDArray[Any]) -> None:
        write_file(self.folder / name, lambda file: np.savez(file, allow_pickle=False, **arrays))


def _is_of(array: NDArray[Any], kind: str, *, shape: Shape) -> bool:
    sides = zip(array.shape, shape, strict=False)
    fits = array.ndim == len(shape) and all(wanted in (None, side) for side, wanted in sides)
    return fits and array.dtype.kind == kind and bool(np.isfinite(array).all())


def hash_prompts(prompts: tuple[str, ...]) -> str:
    """Tells sources of prompts apart."""
    return sha256(msgspec.json.encode(prompts)).hexdigest()[:16]


def _is_empty(folder: Path) -> bool:
    """Whether nothing is there but what an interrupted write left."""
    return folder.is_dir() and all(path.name.startswith(".") for path in folder.iterdir())
