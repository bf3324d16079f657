"""Answer a task with a config of a profile that meets it, or with a search for one."""

import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from accel_bench.base.process import run_module
from accel_bench.base.text import guided_calls_text
from accel_bench.codegen.choice import Choice, all_choices
from accel_bench.codegen.tasks.read import Task
from accel_bench.doctor.devices import read_devices
from accel_bench.profiles import Figure, find_profiles, load_profile, matching_devices
from accel_runtime.backends.choose import INDUCTOR_DEVICES

# Kinds of figures, the most reliable first.
_KINDS: Final = ("measured", "published", "predicted")
_TARGETS: Final = "deepcache,steps,guidance"
# Of bundles that are not compiled ahead of time.
_GRAPHS: Final = "tome,tgate"
_PROMPTS: Final = ("--num-prompts", "32", "--batch", "8")


@dataclass(frozen=True, slots=True)
class Found:
    """A config and the figures with which it meets the task.

    Attributes:
        choice: The config.
        figure: Its speed-up or its seconds, whichever the task asks for.
        score_loss: Its score loss; None where the profile has none.
    """

    choice: Choice
    figure: Figure
    score_loss: Figure | None


def candidates(device: str | None) -> list[Choice]:
    """Every config of a device's profile; without a device, every config of all profiles with names.

    Raises:
        InputError: There is no such profile, or a profile breaks the schema.
    """
    names = list(find_profiles()) if device is None else [device]
    return [choice for name in names for choice in all_choices(name)]


def find(task: Task, choices: Iterable[Choice]) -> Found | None:
    """Find the config that meets the task with the best evidence and, among equals, changes pictures least.

    The config's baseline must be the task's; the config itself may use another scheduler or fewer steps. A config whose
    score loss is unknown is allowed, but configs with a known loss are preferred.
    """
    met = [found for choice in choices if (found := _match(task, choice)) is not None]
    return min(met, key=_rank, default=None)


def _match(task: Task, choice: Choice) -> Found | None:
    config, baseline = choice.config, choice.baseline
    if (config.model, baseline.scheduler, baseline.steps) != (task.pipe, task.sched, task.steps):
        return None
    loss = config.expected.score_loss
    if loss is not None and loss.value > task.max_score_loss:
        return None
    figure = _figure(task, choice)
    return None if figure is None else Found(choice, figure, loss)


def _figure(task: Task, choice: Choice) -> Figure | None:
    """The figure that meets the task. Seconds are those of one image, so larger batches do not count."""
    expected = choice.config.expected
    if task.speedup is not None:
        figure = expected.speedup
        return figure if figure is not None and figure.value >= task.speedup else None
    figure = expected.latency_s if choice.config.batch == 1 else None
    return figure if figure is not None and figure.value <= (task.seconds or 0) else None


def _rank(found: Found) -> tuple[float, ...]:
    """Ranking key, lower is better: evidence, then score loss, then speed-up, which costs quality."""
    loss, speedup = found.score_loss, found.choice.config.expected.speedup
    kind = _KINDS.index(found.figure.kind)
    return kind, loss is None, 0.0 if loss is None else loss.value, 0.0 if speedup is None else speedup.value


class Answer(msgspec.Struct, frozen=True):
    """The answer to a task.

    Attributes:
        id: Id of the task.
        profile: Profile of the config; None where no config was found.
        config: Id of the config.
        figure: The speed-up or the seconds that meet the task, with their `kind`.
        score_loss: Score loss of the config; None where it is unknown.
        script: The script that was written.
        search: Command that searches for a config; None where one was found.
        notes: Limitations of the answer.
    """

    id: str
    profile: str | None = None
    config: str | None = None
    figure: Figure | None = None
    score_loss: Figure | None = None
    script: str | None = None
    search: str | None = None
    notes: tuple[str, ...] = ()


def answer(task: Task, found: Found | None, *, script: Path, command: Sequence[str]) -> Answer:
    """Answer a task with the config that was found, or with the command that searches for one."""
    if found is None:
        notes = () if task.device is None else (f"run the search on the device of profile {task.device}",)
        return Answer(task.id, search=shlex.join(command), notes=notes)
    return Answer(
        task.id,
        profile=found.choice.profile.name,
        config=found.choice.name,
        figure=found.figure,
        score_loss=found.score_loss,
        script=str(script),
        notes=tuple(_notes(task, found)),
    )


def _notes(task: Task, found: Found) -> Iterator[str]:
    config, baseline = found.choice.config, found.choice.baseline
    if found.figure.kind != "measured":
        yield f"the figure is {found.figure.kind}, not measured"
    if found.score_loss is None:
        yield f"the score loss is not known, {task.max_score_loss:g} may be exceeded"
    if config.weights == "random":
        yield "of random weights: only the timing means something"
    if (config.scheduler, config.steps) != (baseline.scheduler, baseline.steps):
        yield f"it uses {config.scheduler} with {config.steps} steps"
    if config.plan.guided_calls is not None:
        yield f"it guides calls {guided_calls_text(config.plan.guided_calls)} alone"
    if config.plan.tome:
        yield "it merges tokens"
    if config.plan.tgate:
        yield f"its calls are gated, and not guided, from {config.plan.tgate} on"


def search_command(task: Task, *, profile: Path) -> tuple[str, ...]:
    """The command that searches for a config and writes it into ``profile``."""
    target = ("--req-speedup", f"{task.speedup:g}") if task.speedup is not None else ("--req-time", f"{task.seconds:g}")
    baseline = ("--model", task.pipe, "--scheduler", task.sched, "--steps", str(task.steps))
    quality = ("--req-score-loss", f"{task.max_score_loss:g}", "--score", "emoji-clip")
    named = None if task.device is None else load_profile(task.device).backends[0].provider
    provider = () if named is None else ("--provider", named)
    space = ("--search-targets", _TARGETS if named in INDUCTOR_DEVICES else f"{_TARGETS},{_GRAPHS}", *_PROMPTS)
    outputs = ("--output", f"{profile.with_suffix('')}-search", "--write-profile", str(profile))
    return ("accel", "search", *baseline, *space, *target, *quality, *provider, *outputs)


def can_search(task: Task) -> None:
    """Check that this machine has the device of the task, as seconds can only be measured there.

    Raises:
        InputError: This machine does not have it; the message names the devices that it has.
    """
    if task.device is not None:
        matching_devices(load_profile(task.device), read_devices())


def run_search(command: Sequence[str]) -> int:
    """Run the command in its own process and send its output to stderr; returns the exit code."""
    words = run_module("accel_bench", *command[1:])
    return subprocess.run(words, stdout=sys.stderr, check=False).returncode  # noqa: S603  # our own command
