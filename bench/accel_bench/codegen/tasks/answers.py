"""What came of a request, for people and for `--json`."""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from accel_bench.codegen.tasks.lookup import Found
from accel_bench.codegen.tasks.wishes import Wish
from accel_bench.plans.guided_calls import guided_calls_text
from accel_bench.profiles import Figure


class Answer(msgspec.Struct, frozen=True):
    """What came of a request.

    Attributes:
        id: Of the task.
        profile: Where the config is from; None where there is none.
        config: Its id.
        figure: The speed-up or the seconds that meet the request, with their `kind`.
        score_loss: None where it is not known.
        script: The file that was written.
        search: The command that looks for a config; None where there is one.
        notes: What to know before the script is believed.
    """

    id: str
    profile: str | None = None
    config: str | None = None
    figure: Figure | None = None
    score_loss: Figure | None = None
    script: str | None = None
    search: str | None = None
    notes: tuple[str, ...] = ()


def answer(wish: Wish, found: Found | None, *, script: Path, command: Sequence[str]) -> Answer:
    """The answer to a request: the config that was found, or the command that looks for one."""
    if found is None:
        notes = () if wish.device is None else (f"run the search on the device of profile {wish.device}",)
        return Answer(wish.id, search=shlex.join(command), notes=notes)
    return Answer(
        wish.id,
        profile=found.choice.profile.name,
        config=found.choice.name,
        figure=found.figure,
        score_loss=found.score_loss,
        script=str(script),
        notes=tuple(_notes(wish, found)),
    )


def _notes(wish: Wish, found: Found) -> Iterator[str]:
    config, baseline = found.choice.config, found.choice.baseline
    if found.figure.kind != "measured":
        yield f"the figure is {found.figure.kind}, not measured"
    if found.score_loss is None:
        yield f"the score loss is not known, {wish.max_score_loss:g} may be exceeded"
    if config.weights == "random":
        yield "of random weights: only the timing means something"
    if (config.scheduler, config.steps) != (baseline.scheduler, baseline.steps):
        yield f"it uses {config.scheduler} with {config.steps} steps"
    if config.plan.guided_calls is not None:
        yield f"it guides calls {guided_calls_text(config.plan.guided_calls)} alone"
