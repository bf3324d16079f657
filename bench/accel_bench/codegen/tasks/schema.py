"""What a file of tasks holds, as it is written."""

from typing import Annotated

import msgspec

from accel_bench.profiles.schema import Steps

Above0 = Annotated[float, msgspec.Meta(gt=0)]


class Task(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
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

    task: Annotated[tuple[Task, ...], msgspec.Meta(min_length=1)]
