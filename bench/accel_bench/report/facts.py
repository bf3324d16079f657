"""What was run and where: the facts that records of every kind have."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Final

from accel_bench.records.bench import BenchRecord
from accel_bench.records.evaluation import EvaluationRecord
from accel_bench.records.search import SearchRecord
from accel_bench.records.store import PictureRecord
from accel_bench.report.words import amount, duration, size
from accel_bench.timing.yardstick import FLOPS

_SHORT: Final = 16


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of a list of facts."""

    name: str
    value: str


def what(record: PictureRecord) -> str:
    """Describe the drawing in one line."""
    work = record.workload
    batch = f", batches of {work.batch}" if work.batch > 1 else ""
    settings = f"{work.scheduler}, {work.steps} steps, guidance {work.guidance:g}"
    return f"{record.bundle.source} at {work.width}×{work.height}{batch}: {settings}, seed {work.seed}"


def where(record: PictureRecord) -> str:
    """Describe the machine and the backend in one line."""
    machine, backend = record.environment, record.backend
    return f"{machine.cpu}, {machine.cores} cores; {backend.backend} {backend.version} on {backend.provider}"


def when(record: PictureRecord) -> str:
    """The start to the minute, with the record's time zone."""
    date, _, time = record.started.partition("T")
    zone = " UTC" if time.endswith("+00:00") else time[8:]
    return f"{date} {time[:5]}{zone}"


def banners(record: PictureRecord) -> list[str]:
    """Warnings that a reader must see before any number."""
    found = []
    if record.bundle.weights == "random":
        found.append("Random weights: the times are real, the pictures and scores mean nothing.")
    if isinstance(record, BenchRecord) and record.profile is not None and not record.profile.comparable:
        instead = "; ".join(record.profile.instead)
        found.append(f"Not what profile {record.profile.name} describes, so none of its promises is judged: {instead}.")
    return found


def facts(record: PictureRecord) -> list[Fact]:
    """Everything that is needed to repeat the run."""
    machine, backend = record.environment, record.backend
    found = [
        Fact("Processor", f"{machine.cpu}, {machine.cores} cores"),
        Fact("Memory", size(machine.memory_bytes)),
        Fact("System", f"{machine.system}, Python {machine.python}"),
        Fact("Packages", _pairs(machine.packages.items())),
        Fact("Load before", f"{machine.load_average:.1f} in the last minute"),
        Fact("Backend", f"{backend.backend} {backend.version}, {backend.provider}"),
        Fact("Options", _pairs(backend.options.items())),
        Fact("Bundle", f"{record.bundle.source}, {record.bundle.weights} weights, {record.bundle.digest}"),
        Fact("Peak memory", f"{size(record.peak_rss_bytes)} of this process"),
        *_own_facts(record),
        Fact("Record", f"{record.id}, {record.kind} of format {record.format}, begun {record.started}"),
    ]
    return [fact for fact in found if fact.value]


def _own_facts(record: PictureRecord) -> list[Fact]:
    if isinstance(record, BenchRecord):
        return _bench_facts(record)
    return _search_facts(record) if isinstance(record, SearchRecord) else _evaluation_facts(record)


def _bench_facts(record: BenchRecord) -> list[Fact]:
    found = [Fact("Prompt", record.prompt)]
    if record.profile is not None:
        found.append(Fact("Profile", f"{record.profile.name}, {record.profile.sha256}"))
    if record.peaks is not None:
        found.append(Fact("Peaks", record.peaks.source))
    if record.yardstick_s:
        seconds = median(record.yardstick_s)
        found.append(Fact("Yardstick", f"{duration(seconds)}, {FLOPS / seconds / 1e9:.0f} GFLOP/s in numpy"))
    for peer in record.peers:
        settings = _pairs(peer.settings.items())
        unequal = f"; unlike ours: {'; '.join(peer.unequal)}" if peer.unequal else ""
        memory = f", peak memory {size(peer.peak_rss_bytes)}"
        found.append(Fact(peer.name, f"{_pairs(peer.versions.items())}; {settings}{memory}{unequal}"))
    return found


def _search_facts(record: SearchRecord) -> list[Fact]:
    return [
        Fact("Strategy", f"{record.asked.strategy}; {', '.join(record.asked.targets)} may change"),
        Fact("Judged on", f"{amount(len(record.prompts), 'prompt')}, {record.asked.prompts}"),
        Fact("Finalists", f"record {record.finalists}"),
        _scores_by(record.scorers),
    ]


def _evaluation_facts(record: EvaluationRecord) -> list[Fact]:
    return [_scores_by(record.scorers)]


def _scores_by(scorers: dict[str, str]) -> Fact:
    # The start of a hash is enough to distinguish two; the record has all of it.
    return Fact("Scores by", _pairs((name, version[:_SHORT]) for name, version in scorers.items()))


def _pairs(items: Iterable[tuple[str, object]]) -> str:
    return ", ".join(f"{key} {value}" for key, value in items)
