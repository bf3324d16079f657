"""``python -m tests.studies.tables RECORD…``: records of `tests.studies.plans` as Markdown."""

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec
from tests.studies.plans import Study, Trial

from accel_bench.quality.psnr import psnr
from accel_bench.records.evaluation import Scores

COLUMNS = (
    ("uniform", "hold"),
    ("uniform", "linear"),
    ("uniform", "quadratic"),
    ("uniform", "solved"),
    ("power", "hold"),
    ("power", "linear"),
    ("power", "solved"),
    ("solved", "hold"),
    ("solved", "linear"),
    ("solved", "solved"),
)
CHOSEN = ("chosen", "any")
Measure = Callable[[Scores, Scores], float]


def decibels(scores: Scores, _uncached: Scores) -> float:
    """PSNR of the mean squared error over pictures."""
    return psnr(scores.squared_error) or float("inf")


def distance(scores: Scores, _uncached: Scores) -> float:
    """Mean feature distance, in thousandths."""
    return 1000 * sum(scores.feature_distance) / len(scores.feature_distance)


def loss(scores: Scores, uncached: Scores) -> float:
    """Relative loss of emoji-clip's mean, in percent."""
    return 100 * (1 - sum(scores.emoji_clip) / sum(uncached.emoji_clip))


def table(study: Study, measure: Measure, *, digits: int, best: Callable[[Iterable[float]], float]) -> Iterator[str]:
    """A row for each number of deep calls, the best value of it in bold."""
    found = {
        key(trial): measure(scores, study.uncached) for trial, scores in zip(study.trials, study.scores, strict=True)
    }
    for deep, trial in chosen(study).items():
        found[deep, *CHOSEN] = found[key(trial)]
    columns = (*COLUMNS, CHOSEN)
    yield "| deep | " + " | ".join(f"{family}: {forecast}" for family, forecast in columns) + " |"
    yield "|" + " ---: |" * (len(columns) + 1)
    for deep in dict.fromkeys(deep for deep, _, _ in found):
        values = [found[deep, *column] for column in columns]
        cells = [f"**{value:.{digits}f}**" if value == best(values) else f"{value:.{digits}f}" for value in values]
        yield f"| {deep} | " + " | ".join(cells) + " |"


def chosen(study: Study) -> dict[int, Trial]:
    """By number of deep calls, the trial that was best on the calibration's own pictures."""
    ranked = sorted(zip(study.calibration_errors, range(len(study.trials)), strict=True), reverse=True)
    return {len(study.trials[index].spec.deep): study.trials[index] for _, index in ranked}


def key(trial: Trial) -> tuple[int, str, str]:
    """What a trial is found by."""
    return len(trial.spec.deep), trial.family, trial.forecast


def report(study: Study) -> Iterator[str]:
    """All tables of a study."""
    pictures = len(study.uncached.squared_error)
    yield f"### {study.scheduler}, {study.steps} steps: {pictures} pictures"
    for title, measure, digits, best in (
        ("PSNR, dB", decibels, 1, max),
        ("Feature distance × 1000", distance, 1, min),
        ("Loss of emoji-clip, %", loss, 2, min),
    ):
        yield f"\n{title}\n"
        yield from table(study, measure, digits=digits, best=best)
    yield "\nChosen, as it was best on the calibration's own pictures:\n"
    for deep, trial in sorted(chosen(study).items()):
        yield f"- {deep}: {trial.family} placement, {trial.forecast}: {', '.join(map(str, trial.spec.deep))}"


if __name__ == "__main__":
    for name in sys.argv[1:]:
        sys.stdout.write("\n".join(report(msgspec.json.decode(Path(name).read_bytes(), type=Study))) + "\n\n")
