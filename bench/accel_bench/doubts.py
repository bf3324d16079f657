"""Reasons to doubt the numbers of a record, each with advice."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from statistics import median
from typing import Final

from accel_bench.base.stats import CONFIDENCE, Spread
from accel_bench.benchmark.summary import image_seconds
from accel_bench.records.bench import BenchRecord
from accel_bench.records.environment import Environment
from accel_bench.records.evaluation import EvaluationRecord
from accel_bench.records.parts import Doubt, PlanFacts
from accel_bench.records.scenario import Scenario, ScenarioRecord
from accel_bench.records.search import Score, SearchRecord
from accel_bench.search.summary import summarise_search
from accel_runtime.plans.doubts import plan_doubts

# Load average before a run from which on other programs disturb it.
_IDLE_LOAD: Final = 0.5
# A sample more than this many median deviations from the median is an outlier; hyperfine has the same bound.
_OUTLIER: Final = 14.826
# Largest share by which the machine's own speed may change within a run.
_STEADY: Final = 0.1
# A figure is vague if half its interval is more than this share of its median.
_VAGUE: Final = 0.1


def bench_doubts(record: BenchRecord) -> tuple[Doubt, ...]:
    """Doubts about a benchmark: those noted while measuring, and those that its samples show."""
    found = [*record.doubts, *_random_weights(record.bundle.weights), *_other_load(record.environment)]
    found += _other_use((plan.facts for plan in record.plans), record)
    found += _unsteady(record.yardstick_s)
    for name, seconds in _samples(record):
        found += [doubt for check in _CHECKS for doubt in check(name, seconds)]
    found += _throttled(record)
    if record.profile is not None and not record.profile.comparable:
        text = f"not what profile {record.profile.name} describes: {'; '.join(record.profile.instead)}"
        found.append(Doubt("different-device", "", text, "do not compare these figures with the profile's"))
    return tuple(found)


def evaluation_doubts(record: EvaluationRecord) -> tuple[Doubt, ...]:
    """Doubts about an evaluation."""
    work = record.workload
    found = [*_random_weights(record.bundle.weights), *_other_load(record.environment)]
    if record.trials[0].scores.emoji_clip and (work.height, work.width) != (64, 64):
        text = f"emoji-clip knows 64×64 pixels: pictures of {work.width}×{work.height} were scaled for it"
        found.append(Doubt("scaled-pictures", "emoji-clip", text, "trust the other scores more"))
    if record.cut_captions:
        text = f"{record.cut_captions} captions did not fit the text encoder and lost their end"
        found.append(Doubt("cut-prompts", "", text, "shorten them"))
    found += _other_use((trial.facts for trial in record.trials), record)
    found += _few_samples(record.trials[0].facts.name, record.trials[0].batch_s)
    return tuple(found)


def search_doubts(record: SearchRecord) -> tuple[Doubt, ...]:
    """Doubts about a search: those noted while measuring, and those that its samples show."""
    found = [*record.doubts, *_random_weights(record.bundle.weights), *_other_load(record.environment)]
    work = record.workload
    if record.goal.score is Score.EMOJI_CLIP and (work.height, work.width) != (64, 64):
        text = f"emoji-clip knows 64×64 pixels of emoji, and judged pictures of {work.width}×{work.height}"
        found.append(Doubt("other-pictures", "emoji-clip", text, "take --score clip with a CLIP checkpoint"))
    found += _other_use((tried.facts for tried in record.tried), record)
    for each in summarise_search(record):
        if each.speedup_error is not None and abs(each.speedup_error) > _STEADY:
            text = f"the composed speed-up is {each.speedup_error:+.0%} off that end to end"
            found.append(Doubt("composed-time", each.facts.name, text, "trust the measured one"))
    found += _few_samples(record.tried[0].facts.name, record.tried[0].image_s)
    return tuple(found)


def scenario_doubts(record: ScenarioRecord) -> tuple[Doubt, ...]:
    """Doubts about runs under load: those noted while measuring, and those that always hold."""
    found = [*record.doubts, *_random_weights(record.bundle.weights), *_other_load(record.environment)]
    found += _other_use((run.facts for run in record.runs), record)
    load = record.runs[0].load
    asked = f"{load.queries} queries, {load.duration_s:g} s or more"
    if load.scenario is Scenario.SERVER:
        asked += f", {load.percentile:.0%} of them within the bound"
    text = f"not an MLPerf submission: {asked}, our model, no accuracy run"
    found.append(
        Doubt("not-a-submission", "", text, "compare with other runs of this command, not with MLPerf's results")
    )
    if len(record.runs) > 1:
        text = "the load generator cannot interleave: runs came one after another"
        found.append(Doubt("not-interleaved", "", text, "trust the ratios of `accel bench` more"))
    return tuple(found)


def _other_use(
    plans: Iterable[PlanFacts], record: BenchRecord | EvaluationRecord | SearchRecord | ScenarioRecord
) -> Iterator[Doubt]:
    """Tell of plans that were solved for another model, guidance or size."""
    work = record.workload
    for facts in dict.fromkeys(plans):
        for doubt in plan_doubts(
            facts.plan, model=record.bundle.model, guidance=work.guidance, height=work.height, width=work.width
        ):
            yield Doubt(doubt.kind, facts.name, doubt.text, doubt.advice)


def _samples(record: BenchRecord) -> Iterator[tuple[str, list[float]]]:
    yield from ((plan.facts.name, image_seconds(plan)) for plan in record.plans)
    yield from ((peer.name, image_seconds(peer)) for peer in record.peers)


def _random_weights(weights: str) -> Iterator[Doubt]:
    if weights == "random":
        text = "random weights: times are real, pictures and scores mean nothing"
        yield Doubt("random-weights", "", text, "judge quality on a trained model")


def _other_load(environment: Environment) -> Iterator[Doubt]:
    if environment.load_average > _IDLE_LOAD:
        text = f"other load on the machine before the run: load average {environment.load_average:.1f}"
        yield Doubt("other-load", "", text, "stop other programs and measure again")


def _unsteady(yardstick_s: Sequence[float]) -> Iterator[Doubt]:
    # The first one is often slow, as the processor is still idle.
    warm = yardstick_s[1:]
    if len(warm) < 2:
        return
    change = max(warm) / min(warm) - 1
    if change > _STEADY:
        text = f"the machine's own speed changed by {change:.0%} from round to round"
        yield Doubt("unsteady-machine", "", text, "trust ratios within a round more than seconds")


def _few_samples(name: str, seconds: Sequence[float]) -> Iterator[Doubt]:
    spread = Spread.of(seconds)
    if spread.confidence < CONFIDENCE:
        samples = "1 sample is" if spread.samples == 1 else f"{spread.samples} samples are"
        text = f"{samples} too few for an interval of {CONFIDENCE:.0%}"
        yield Doubt("few-samples", name, text, "measure 6 rounds or more")


def _outliers(name: str, seconds: Sequence[float]) -> Iterator[Doubt]:
    middle = median(seconds)
    deviation = median(abs(value - middle) for value in seconds)
    far = sum(abs(value - middle) > _OUTLIER * deviation for value in seconds) if deviation else 0
    if far:
        text = f"{far} of {len(seconds)} samples lie far from the others"
        yield Doubt("outliers", name, text, "look for other programs that ran, or measure more rounds")


def _vague(name: str, seconds: Sequence[float]) -> Iterator[Doubt]:
    spread = Spread.of(seconds)
    half = (spread.high - spread.low) / 2 / spread.median
    if half > _VAGUE:
        yield Doubt(
            "wide-interval", name, f"known only to ± {half:.0%}", "measure more rounds, or on a quieter machine"
        )


def _throttled(record: BenchRecord) -> Iterator[Doubt]:
    """Tell of rounds that all became slower, from the first third to the last, as on a device that grows hot."""
    seconds = image_seconds(record.plans[0])
    third = len(seconds) // 3
    if third < 2:
        return
    early, late = seconds[:third], seconds[-third:]
    if min(late) > max(early) and median(late) / median(early) > 1 + _STEADY / 2:
        text = f"the last rounds were {median(late) / median(early) - 1:.0%} slower than the first"
        yield Doubt("throttling", record.plans[0].facts.name, text, "let the device cool, or fix its clock")


_CHECKS: Final[tuple[Callable[[str, Sequence[float]], Iterator[Doubt]], ...]] = (_few_samples, _outliers, _vague)
