"""A file of tasks as checked requests."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from accel_bench.codegen.tasks.schema import Task, TaskFile
from accel_bench.codegen.tasks.sentences import FORMS, parse_sentence
from accel_bench.profiles import find_profiles
from accel_bench.profiles.schema import is_id
from accel_bench.profiles.toml import read_toml, refuse, show, suggest

_PARTS: Final = ("pipe", "sched", "steps", "speedup", "seconds")


@dataclass(frozen=True, slots=True)
class Wish:
    """A request with all its parts; exactly one of `speedup` and `seconds` is there. See `Task`."""

    id: str
    pipe: str
    sched: str
    steps: int
    max_score_loss: float
    speedup: float | None = None
    seconds: float | None = None
    device: str | None = None


def read_tasks(path: Path) -> tuple[Wish, ...]:
    """The requests of a file.

    Raises:
        InputError: It breaks the schema; names file and key, what was expected and what was there.
    """
    file, tasks = str(path), read_toml(path, TaskFile).task
    for place, task in enumerate(tasks):
        if not is_id(task.id):
            expected = "an id of lower-case letters and digits, joined by - or ."
            refuse(file, ("task", str(place), "id"), expected=expected, got=show(task.id))
        if task.id in [other.id for other in tasks[:place]]:
            refuse(file, ("task", str(place), "id"), expected="an id of its own", got=f"{show(task.id)} again")
    return tuple(_wish(task, file=file, keys=("task", str(place))) for place, task in enumerate(tasks))


def _wish(task: Task, *, file: str, keys: Sequence[str]) -> Wish:
    parts = msgspec.to_builtins(task) if task.text is None else _read(task, task.text, file=file, keys=keys)
    for key in ("pipe", "sched", "steps"):
        if parts[key] is None:
            refuse(file, (*keys, key), expected="pipe, sched, steps and a target, or text alone", got="nothing")
    if (parts["speedup"] is None) == (parts["seconds"] is None):
        refuse(file, keys, expected="one of speedup and seconds", got="neither" if parts["speedup"] is None else "both")
    if parts["seconds"] is not None and parts["device"] is None:
        refuse(file, (*keys, "device"), expected="the profile of the device that seconds are of", got="nothing")
    _check_device(parts["device"], file=file, keys=keys)
    return Wish(**{key: value for key, value in parts.items() if key != "text"})


def _read(task: Task, text: str, *, file: str, keys: Sequence[str]) -> dict[str, Any]:
    """The task's parts with those of its sentence."""
    for key in _PARTS:
        if getattr(task, key) is not None:
            refuse(file, (*keys, key), expected="nothing beside text, which says it", got=show(getattr(task, key)))
    read = parse_sentence(text)
    if read is None:
        refuse(file, (*keys, "text"), expected=FORMS, got=show(text))
    if task.device is not None and read.get("device", task.device) != task.device:
        refuse(file, (*keys, "device"), expected=f"the text's, {show(read['device'])}", got=show(task.device))
    return {**msgspec.to_builtins(task), **read}


def _check_device(device: str | None, *, file: str, keys: Sequence[str]) -> None:
    if device is None or device.endswith(".toml"):
        return
    known = list(find_profiles())
    if device not in known:
        refuse(file, (*keys, "device"), expected=f"one of the profiles {', '.join(known)}", got=suggest(device, known))
