"""Read and check a file of tasks. A task is given by its parts, or as a sentence.

    take an SD1.5 pipeline (DDIM, 50 steps) as the baseline and achieve a 2.0× speed-up
    take an SD1.5 pipeline (DDIM, 50 steps) as the baseline and draw an image within 1.5 s on MI250

Sentences have only these two forms. Text before the pipeline is ignored, and so is text between `baseline and` and the
words of the target.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from accel_bench.profiles import find_profiles
from accel_bench.profiles.schema import is_id
from accel_bench.profiles.toml import read_toml, refuse, show, suggest
from accel_runtime.plans.spec import Steps

Above0 = Annotated[float, msgspec.Meta(gt=0)]
_FORM: Final = re.compile(
    r"(?:.*\b)?an? (?P<pipe>[\w. ]+?) pipeline \((?P<sched>[\w+ ]+), (?P<steps>[1-9][0-9]{0,2}|1000) steps\) "
    r"as the baseline and "
    r".*?(?:achieve an? (?P<speedup>[0-9]{1,6}(?:\.[0-9]{1,6})?) ?[x×] speed-?up|"
    r"within (?P<seconds>[0-9]{1,6}(?:\.[0-9]{1,6})?) ?s(?:econds?)? on (?P<device>[\w.-]+?))\.?",
    re.IGNORECASE | re.DOTALL,
)
# Longest sentence: matching longer ones takes too long.
_LONGEST: Final = 400
# Names that people and diffusers write, without spaces → names in profiles.
_PIPES: Final = {"sd1.5": "sd15", "sd15": "sd15", "stablediffusion1.5": "sd15", "stablediffusionv1.5": "sd15"}
_SCHEDULERS: Final = {
    "ddim": "ddim",
    "pndm": "pndm",
    "unipc": "unipc",
    "unipcmultistep": "unipc",
    "dpmsolvermultistep": "dpmpp_2m",
    "dpm++2m": "dpmpp_2m",
    "euler": "euler",
}
FORMS: Final = (
    "'take an SD1.5 pipeline (DDIM, 50 steps) as the baseline and achieve a 2.0× speed-up' "
    "or '… within 1.5 s on MI250', "
    f"with a scheduler of {', '.join(_SCHEDULERS)}"
)
_PARTS: Final = ("pipe", "sched", "steps", "speedup", "seconds")


class TaskEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One task of a file: its parts, or a sentence in `text`.

    Attributes:
        id: Name of the script that is written for it.
        text: A sentence that gives pipe, sched, steps and the target; see `parse_sentence`.
        pipe: The model's name in profiles.
        sched: Name of the baseline's scheduler in profiles.
        steps: The baseline's steps.
        speedup: Least speed-up over the baseline.
        seconds: Longest time of one image, from prompt to pixels.
        device: Profile whose figures count. Where a speed-up names none, all profiles count.
        max_score_loss: Largest loss of the score, as a share.
    """

    id: str
    text: str | None = None
    pipe: str | None = None
    sched: str | None = None
    steps: Steps | None = None
    speedup: Above0 | None = None
    seconds: Above0 | None = None
    device: str | None = None
    max_score_loss: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.05


class TaskFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of tasks: one or more `[[task]]`."""

    task: Annotated[tuple[TaskEntry, ...], msgspec.Meta(min_length=1)]


@dataclass(frozen=True, slots=True)
class Task:
    """A checked task with all of its parts. Exactly one of `speedup` and `seconds` is given. See `TaskEntry`."""

    id: str
    pipe: str
    sched: str
    steps: int
    max_score_loss: float
    speedup: float | None = None
    seconds: float | None = None
    device: str | None = None


def read_tasks(path: Path) -> tuple[Task, ...]:
    """Read the tasks of a file.

    Raises:
        InputError: It breaks the schema; the message names the file, the key, what was expected and what was given.
    """
    file, tasks = str(path), read_toml(path, TaskFile).task
    for place, task in enumerate(tasks):
        if not is_id(task.id):
            expected = "an id of lower-case letters and digits, joined by - or ."
            refuse(file, ("task", str(place), "id"), expected=expected, got=show(task.id))
        if task.id in [other.id for other in tasks[:place]]:
            refuse(file, ("task", str(place), "id"), expected="a unique id", got=f"{show(task.id)} again")
    return tuple(_checked(task, file=file, keys=("task", str(place))) for place, task in enumerate(tasks))


def _checked(task: TaskEntry, *, file: str, keys: Sequence[str]) -> Task:
    parts = msgspec.to_builtins(task) if task.text is None else _read(task, task.text, file=file, keys=keys)
    for key in ("pipe", "sched", "steps"):
        if parts[key] is None:
            refuse(file, (*keys, key), expected="pipe, sched, steps and a target, or text alone", got="nothing")
    if (parts["speedup"] is None) == (parts["seconds"] is None):
        refuse(file, keys, expected="one of speedup and seconds", got="neither" if parts["speedup"] is None else "both")
    if parts["seconds"] is not None and parts["device"] is None:
        refuse(file, (*keys, "device"), expected="the profile of the device that the seconds are for", got="nothing")
    _check_device(parts["device"], file=file, keys=keys)
    return Task(**{key: value for key, value in parts.items() if key != "text"})


def _read(task: TaskEntry, text: str, *, file: str, keys: Sequence[str]) -> dict[str, Any]:
    """The parts of a task, including those of its sentence."""
    for key in _PARTS:
        if getattr(task, key) is not None:
            refuse(file, (*keys, key), expected="nothing, as text already gives it", got=show(getattr(task, key)))
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


def parse_sentence(text: str) -> dict[str, Any] | None:
    """The parts of a sentence by their names in a file of tasks; None where it has neither form.

    >>> parse_sentence("take an SD1.5 pipeline (DDIM, 50 steps) as the baseline and achieve a 2.0x speed-up")
    {'pipe': 'sd15', 'sched': 'ddim', 'steps': 50, 'speedup': 2.0}
    """
    match = _FORM.fullmatch(" ".join(text.split())) if len(text) <= _LONGEST else None
    if match is None:
        return None
    words = match.groupdict()
    pipe, sched = _PIPES.get(_plain(words["pipe"])), _SCHEDULERS.get(_plain(words["sched"]))
    if pipe is None or sched is None:
        return None
    parts: dict[str, Any] = {"pipe": pipe, "sched": sched, "steps": int(words["steps"])}
    if words["speedup"]:
        return {**parts, "speedup": float(words["speedup"])}
    return {**parts, "seconds": float(words["seconds"]), "device": words["device"].lower()}


def _plain(name: str) -> str:
    return "".join(name.split()).lower().removesuffix("scheduler")
