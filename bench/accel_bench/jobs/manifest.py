"""The manifest of a job: a line of JSON for each picture that is done, in a file for each shard."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from accel_bench.jobs.blocks import WHOLE, Shard
from accel_runtime.durable import append_lines, read_lines
from accel_runtime.errors import InputError

_NAME: Final = "manifest"
_END: Final = ".jsonl"


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One picture that is done.

    Attributes:
        number: Number of the picture, from 0 in the order of the file of prompts.
        file: Its path within the job's folder.
        id: What the file of prompts calls it.
        prompt: What was drawn.
        negative_prompt: What was not to be drawn.
        seed: Seed of its noise.
        height: Pixels.
        width: Pixels.
        plan: Name of the plan.
        scheduler: Scheduler of the plan.
        steps: Its denoising steps.
        guidance: Scale of guidance.
        bundle: Digest of the bundle.
        sha256: Of the file.
        seconds: Its share of the seconds that its block took; None where a kill lost them.
        cut: The end of the prompt that did not fit; None where a kill lost it.
    """

    number: int
    file: str
    id: str | int | None
    prompt: str
    negative_prompt: str
    seed: int
    height: int
    width: int
    plan: str
    scheduler: str
    steps: int
    guidance: float
    bundle: str
    sha256: str
    seconds: float | None
    cut: str | None


class _Key(msgspec.Struct, frozen=True):
    number: int
    sha256: str


def manifest_path(folder: Path, shard: Shard) -> Path:
    """The manifest that runs of a shard write."""
    part = "" if shard == WHOLE else f"-{shard.index}-of-{shard.of}"
    return folder / f"{_NAME}{part}{_END}"


def read_done(folder: Path) -> dict[int, str]:
    """The sha256 of each picture that some manifest of the folder lists, by its number.

    Raises:
        InputError: A manifest is malformed, or two lines tell different pictures of one number.
    """
    done: dict[int, str] = {}
    for path in sorted(folder.glob(f"{_NAME}*{_END}")):
        for number, sha256, _ in _keys(path):
            if done.setdefault(number, sha256) != sha256:
                raise InputError(
                    f"{path}: picture {number} has sha256 {sha256[:12]}…, and {done[number][:12]}… in an earlier line: "
                    "these are shards of different jobs or machines: keep them apart"
                )
    return done


def whole_lines(path: Path) -> Iterator[Line]:
    """The whole lines of one manifest, in the order in which they were written; none where there is no file.

    Raises:
        InputError: It is malformed.
    """
    for number, _, raw in _keys(path):
        try:
            yield msgspec.json.decode(raw, type=Line)
        except msgspec.MsgspecError as error:
            raise InputError(f"{path}: picture {number}: {error}: not a manifest of this version") from error


def append(path: Path, lines: Iterable[Line]) -> None:
    """Append lines, all or none; a torn last line of a killed writer is cut off first.

    Raises:
        WriteError: They cannot be written.
    """
    encoded = [msgspec.json.encode(line) + b"\n" for line in lines]
    if encoded:
        append_lines(path, b"".join(encoded))


def gather(folder: Path) -> int:
    """Copy into the manifest of whole runs the lines that only shards' manifests have; returns how many.

    Raises:
        InputError: As of `read_done`.
        WriteError: They cannot be written.
    """
    read_done(folder)
    whole = manifest_path(folder, WHOLE)
    known = {number for number, _, _ in _keys(whole)}
    copied = 0
    for path in sorted(folder.glob(f"{_NAME}-*{_END}")):
        new = []
        for number, _, raw in _keys(path):
            if number not in known:
                known.add(number)
                new.append(raw)
        if new:
            append_lines(whole, b"".join(new))
        copied += len(new)
    return copied


def _keys(path: Path) -> Iterator[tuple[int, str, bytes]]:
    """Number, sha256 and bytes of each whole line; none where there is no file."""
    try:
        with path.open("rb") as file:
            for index, raw in enumerate(read_lines(file), start=1):
                try:
                    key = msgspec.json.decode(raw, type=_Key)
                except msgspec.MsgspecError as error:
                    raise InputError(f"{path}: line {index}: {error}: not a manifest of this version") from error
                yield key.number, key.sha256, raw
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
