"""A file of tasks as checked requests, each told by its parts or as a sentence.

    take an SD1.5 pipeline (DDIM, 50 steps) as the baseline and achieve a 2.0× speed-up
    take an SD1.5 pipeline (DDIM, 50 steps) as the baseline and draw an image within 1.5 s on MI250

Sentences have these two forms and no more: what stands before the pipeline is not read, and neither is what stands
between `baseline and` and the target's own words.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from accel_bench.profiles import find_profiles
from accel_bench.profiles.schema import Steps, is_id
from accel_bench.profiles.toml import read_toml, refuse, show, suggest

Above0 = Annotated[float, msgspec.Meta(gt=0)]
_FORM: Final = re.compile(
    r"(?:.*\b)?an? (?P<pipe>[\w. ]+?) pipeline \((?P<sched>[\w+ ]+), (?P<steps>[1-9][0-9]{0,2}|1000) steps\) "
    r"as the baseline and "
    r".*?(?:achieve an? (?P<speedup>[0-9]{1,6}(?:\.[0-9]{1,6})?) ?[x×] speed-?up|"
    r"within (?P<seconds>[0-9]{1,6}(?:\.[0-9]{1,6})?) ?s(?:econds?)? on (?P<device>[\w.-]+?))\.?",
    re.IGNORECASE | re.DOTALL,
)
# Longer ones take long to be found wanting.
_LONGEST: Final = 400
# As people and diffusers write them → as profiles do. Spaces are left out before.
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
    """One request: by its parts, or as a sentence in `text`.

    Attributes:
        id: Of the script that is written for it.
        text: See `sentences.py`; then pipe, sched, steps and the target are read from it.
        pipe: The model, as in a profile.
        sched: The baseline's scheduler, as in a profile.
        steps: The baseline's.
        speedup: At least this, over the baseline.
        seconds: At most these for one image, prompt to pixels.
        device: The profile whose figures count; any, where a speed-up names none.
        max_score_loss: What the picture may lose of its score.
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
    """All of a file: `[[task]]`, once or more."""

    task: Annotated[tuple[TaskEntry, ...], msgspec.Meta(min_length=1)]


@dataclass(frozen=True, slots=True)
class Task:
    """A request with all its parts; exactly one of `speedup` and `seconds` is there. See `TaskEntry`."""

    id: str
    pipe: str
    sched: str
    steps: int
    max_score_loss: float
    speedup: float | None = None
    seconds: float | None = None
    device: str | None = None


def read_tasks(path: Path) -> tuple[Task, ...]:
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
    return tuple(_checked(task, file=file, keys=("task", str(place))) for place, task in enumerate(tasks))


def _checked(task: TaskEntry, *, file: str, keys: Sequence[str]) -> Task:
    parts = msgspec.to_builtins(task) if task.text is None else _read(task, task.text, file=file, keys=keys)
    for key in ("pipe", "sched", "steps"):
        if parts[key] is None:
            refuse(file, (*keys, key), expected="pipe, sched, steps and a target, or text alone", got="nothing")
    if (parts["speedup"] is None) == (parts["seconds"] is None):
        refuse(file, keys, expected="one of speedup and seconds", got="neither" if parts["speedup"] is None else "both")
    if parts["seconds"] is not None and parts["device"] is None:
        refuse(file, (*keys, "device"), expected="the profile of the device that seconds are of", got="nothing")
    _check_device(parts["device"], file=file, keys=keys)
    return Task(**{key: value for key, value in parts.items() if key != "text"})


def _read(task: TaskEntry, text: str, *, file: str, keys: Sequence[str]) -> dict[str, Any]:
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


def parse_sentence(text: str) -> dict[str, Any] | None:
    """The parts of a request, by their names in a file of tasks; None where it has neither form.

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
