"""Processes that use inputs: what hangs is killed, what crashes is started again, and both are counted."""

import multiprocessing
import os
import resource
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from random import Random
from time import monotonic
from typing import Final

from tests.fuzz.formats import Format, Sample
from tests.fuzz.outcome import Outcome, outcome_of

HANG_S: Final = 10.0
# The first input of a format waits for its samples to be made and used.
_PREPARED_S: Final = 600.0
_MEMORY: Final = 12 * 2**30
_FILE: Final = 2**30
_FORK: Final = multiprocessing.get_context("fork")


@dataclass(frozen=True, slots=True)
class Input:
    """An input by what makes it again.

    Attributes:
        format: Its name.
        number: Among the format's.
        seed: Of all.
    """

    format: str
    number: int
    seed: int

    def __str__(self) -> str:
        """As `--only` takes it."""
        return f"{self.format}:{self.number}"


@dataclass(frozen=True, slots=True)
class Used:
    """An input, what came of it, and its content where that is worth keeping."""

    input: Input
    outcome: Outcome
    sample: Sample | None


class _Worker:
    """A process and the input that it has."""

    def __init__(self, formats: Mapping[str, Format], *, hang_s: float) -> None:
        self.here, there = _FORK.Pipe()
        self._process = _FORK.Process(target=_serve, args=(there, formats), daemon=True)
        self._process.start()
        there.close()
        self._hang_s = hang_s
        self.input: Input | None = None
        self.deadline = 0.0

    def give(self, task: Input) -> None:
        self.input = task
        self.deadline = monotonic() + _PREPARED_S
        self.here.send(task)

    def answer(self) -> tuple[Outcome, Sample | None] | None:
        """What came of the input; None while it is used, and when the use begins."""
        answer: tuple[Outcome, Sample | None] | None = self.here.recv()
        if answer is None:
            self.deadline = monotonic() + self._hang_s
        return answer

    def stop(self) -> int | None:
        """Kill the process; returns the signal or code that it had ended with by itself."""
        self._process.join(timeout=1)
        code = self._process.exitcode
        self._process.kill()
        self._process.join()
        return code


def use_all(
    inputs: Sequence[Input], formats: Mapping[str, Format], *, workers: int, hang_s: float = HANG_S
) -> Iterator[Used]:
    """Use all inputs, by several processes; yields each as it ends.

    Args:
        inputs: What to use, of these ``formats``.
        formats: By name.
        workers: Processes.
        hang_s: Seconds after which an input hangs, if it does so twice.
    """
    waiting, hung = list(reversed(inputs)), set[Input]()
    running = [_Worker(formats, hang_s=hang_s) for _ in range(min(workers, len(inputs)))]
    for worker in running:
        worker.give(waiting.pop())
    while running:
        now = monotonic()
        nearest = min(worker.deadline for worker in running)
        wait([worker.here for worker in running], timeout=max(0.0, nearest - now))
        for worker in list(running):
            used = _ended(worker)
            if used is None:
                continue
            if used.outcome.kind == "hang" and used.input not in hung:
                # Once more: other work on the machine may have been in the way.
                hung.add(used.input)
                waiting.append(used.input)
            else:
                yield used
            running.remove(worker)
            if used.outcome.kind in ("hang", "crash"):
                worker.stop()
                worker = _Worker(formats, hang_s=hang_s)  # noqa: PLW2901 - takes the place of the one that is gone
            if waiting:
                worker.give(waiting.pop())
                running.append(worker)
            else:
                worker.stop()


def _ended(worker: _Worker) -> Used | None:
    assert worker.input is not None
    if worker.here.poll():
        try:
            answer = worker.answer()
        except (EOFError, OSError):
            return Used(worker.input, Outcome("crash", f"the process ended with {worker.stop()}"), None)
        return Used(worker.input, *answer) if answer else None
    if monotonic() > worker.deadline:
        return Used(worker.input, Outcome("hang", "no end in time"), None)
    return None


def _serve(pipe: Connection, formats: Mapping[str, Format]) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE, _FILE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    user = User(formats)
    parent = os.getppid()
    while True:
        # Workers that were forked later hold the other end too, so no end of file tells that the parent is gone.
        while not pipe.poll(5):
            if os.getppid() != parent:
                return
        task = pipe.recv()
        prepared = user.prepare(task)
        pipe.send(None)
        pipe.send(user.use(prepared))


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A changed sample, how it is used, and what the sound one gives."""

    kind: Format
    sample: Sample
    how: int
    expected: str


class User:
    """Uses inputs one after another; knows what sound samples give."""

    def __init__(self, formats: Mapping[str, Format]) -> None:
        self._formats = formats
        self._samples: dict[str, Sequence[Sample]] = {}
        self._sound: dict[tuple[str, int, int], str] = {}

    def prepare(self, task: Input) -> _Prepared:
        """Choose a sample and a use, and see what the sound sample gives."""
        kind = self._formats[task.format]
        if kind.name not in self._samples:
            self._samples[kind.name] = kind.samples()
        rng = Random(f"{task.seed} {task}")  # noqa: S311 - to be had again
        which, how = rng.randrange(len(self._samples[kind.name])), rng.randrange(len(kind.uses))
        sample = self._samples[kind.name][which]
        expected = self._of_sound(task.format, which, how)
        return _Prepared(kind, Sample(sample.name, kind.change(sample.raw, rng)), how, expected)

    def use(self, prepared: _Prepared) -> tuple[Outcome, Sample | None]:
        """Use a changed sample; it is returned where it is worth keeping."""
        changed = prepared.sample
        outcome = self._outcome(prepared.kind.name, changed, prepared.how, expected=prepared.expected)
        return outcome, changed if outcome.kind not in ("refused", "same") else None

    def _of_sound(self, name: str, which: int, how: int) -> str:
        key = (name, which, how)
        if key not in self._sound:
            outcome = self._outcome(name, self._samples[name][which], how, expected="")
            if outcome.kind != "other":
                raise AssertionError(f"{name}: sample {which} is sound, use {how} made of it: {outcome}")
            self._sound[key] = outcome.detail
        return self._sound[key]

    def _outcome(self, name: str, sample: Sample, how: int, *, expected: str) -> Outcome:
        kind = self._formats[name]
        folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
        try:
            kind.place(folder, sample)
            return outcome_of(kind.uses[how], folder, expected=expected)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
