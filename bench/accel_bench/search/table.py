"""A search as a table for a terminal, and its candidates in words for tables and reports."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from statistics import mean, median

from accel_bench.base.stats import median_ratio, times
from accel_bench.base.table import Heading, Table, numbers, prose, words
from accel_bench.base.text import deep_calls_cell
from accel_bench.plans.names import branch_name, calls_name, own_settings
from accel_bench.quality.psnr import psnr
from accel_bench.records.environment import machine
from accel_bench.records.evaluation import Scores
from accel_bench.records.search import SearchRecord
from accel_bench.search.goal import meets, nearest
from accel_bench.search.summary import TriedSummary, answer_of, is_complete
from accel_bench.search.targets import Target

_NOTHING = "–"


def front_table(summaries: Sequence[TriedSummary], record: SearchRecord) -> Table:
    """The Pareto front and every finalist, the slowest first; what the search recommends has an arrow."""
    shown = [each for each in summaries if each.in_front or each.measured is not None]
    headings = (
        *(Heading.DEEP_CALLS, "seconds", Heading.SPEEDUP, "measured", Heading.PSNR, Heading.FEATURE_DISTANCE),
        f"loss of {record.goal.score}",
    )
    return Table(
        "Pareto front and finalists",
        (*words(""), *prose("plan", "family"), *numbers(*headings)),
        tuple(_cells(each) for each in sorted(shown, key=lambda each: -each.composed_s)),
    )


def _cells(each: TriedSummary) -> tuple[str, ...]:
    quality, psnr = each.quality, each.quality.psnr
    return (
        "→" if each.chosen else "",
        plan_words(each),
        each.family,
        deep_calls_cell(each.facts.deep_text, each.facts.calls, skipped=len(each.facts.plan.skip)),
        f"{each.composed_s:.4g}",
        f"{each.speedup:.2f}×",
        _NOTHING if each.measured is None else times(each.measured),
        "same" if psnr is None else f"{psnr:.2f}",
        f"{quality.feature_distance:.4f}",
        loss_words(each),
    )


def heading(record: SearchRecord) -> str:
    """The heading of the table: model, settings and machine."""
    work = record.workload
    meaning = "RANDOM WEIGHTS, all scores are meaningless: " if record.bundle.weights == "random" else ""
    return (
        f"{meaning}{record.bundle.source} {work.width}×{work.height}, {work.scheduler} {work.steps} steps, guidance "
        f"{work.guidance:g}, {len(record.prompts)} prompts, {machine(record.backend, record.environment)}"
    )


def footer(summaries: Sequence[TriedSummary], record: SearchRecord) -> Iterator[str]:
    """The lines below the table: the choice, its cost, and the error of composed times."""
    for each in summaries:
        if each.chosen:
            deep = ",".join(map(str, each.facts.deep_calls))
            skipped = ", all others skipped" if each.facts.plan.skip and not each.facts.shallow_calls else ""
            yield f"chosen: {plan_words(each)}, deep calls {deep}{skipped}"
    yield front_words(summaries)
    if record.bfloat16 is not None:
        yield f"{bfloat16_words(record.bfloat16)}: nearer plans cannot be told apart in it"
    spent, grid = record.calls, record.grid_calls
    calls = f"{sum(spent.values()):,} UNet calls of one picture, {_deep(spent):,} of them deep"
    yield f"cost: {calls}; the grid's {grid['trials']} candidates would take {_all(grid):,}, {grid['deep']:,} deep"
    yield from composed_words(summaries)


def front_words(summaries: Sequence[TriedSummary]) -> str:
    """How many candidates of the front are of each mechanism, or of several together."""
    found = Counter(" and ".join(mechanisms(each)) for each in summaries if each.in_front)
    return f"on the front: {', '.join(f'{count} of {name}' for name, count in found.most_common())}"


def mechanisms(each: TriedSummary) -> tuple[str, ...]:
    """What makes a candidate faster, in the words of `--search-targets`; `full` where nothing does."""
    facts, plan = each.facts, each.facts.plan
    used = {
        Target.SCHEDULE: bool(plan.rows),
        Target.DEEPCACHE: bool(facts.shallow_calls) and not plan.rule,
        Target.STEPS: not plan.rows and (plan.steps is not None or plan.scheduler is not None),
        Target.GUIDANCE: plan.guided_calls is not None,
        Target.RULE: bool(plan.rule),
        Target.TOME: bool(plan.tome),
        Target.TGATE: bool(plan.tgate),
    }
    return tuple(target.value for target, is_used in used.items() if is_used) or ("full",)


def bfloat16_words(scores: Scores) -> str:
    """How far bfloat16 alone takes the uncached pictures from those of the baseline."""
    found = psnr(scores.squared_error)
    nearness = "no pixel differs" if found is None else f"{found:.2f} dB"
    return f"full in bfloat16: {nearness}, feature distance {mean(scores.feature_distance):.4f}"


def _all(calls: Mapping[str, int]) -> int:
    return calls["deep"] + calls["shallow"]


def _deep(calls: Mapping[str, int]) -> int:
    return sum(count for purpose, count in calls.items() if purpose.endswith("deep"))


def plan_words(each: TriedSummary) -> str:
    """A candidate as a row of a table names it, without the list of its deep calls."""
    facts = each.facts
    plan = facts.plan
    words = [calls_name(plan) if plan.rows else "full"]
    if facts.shallow_calls and not plan.rows:
        calls = plan.deep if isinstance(plan.deep, str) else f"{len(facts.deep_calls)} calls"
        words = [calls, f"k={branch_name(plan)}", "solved weights" if plan.weights else plan.forecast.value]
    return " ".join([*words, *own_settings(plan)])


def loss_words(each: TriedSummary) -> str:
    """The loss of the goal's score, with its standard error where it has one."""
    error = "" if each.quality.loss_error is None else f" ± {each.quality.loss_error:.2%}"
    return f"{each.quality.loss:.2%}{error}"


def composed_words(summaries: Sequence[TriedSummary]) -> Iterator[str]:
    """How far composed figures were off those of finalists end to end; nothing where none was timed."""
    timed = [each for each in summaries[1:] if each.measured is not None]
    if timed:
        speedups, seconds = ([getattr(each, name) for each in timed] for name in ("speedup_error", "time_error"))
        worst = max(speedups, key=abs)
        yield (
            f"composed speed-ups are off by {median(map(abs, speedups)):.1%} in the middle, {worst:+.1%} at worst; "
            f"seconds by {median(map(abs, seconds)):.1%}"
        )


def why_not(record: SearchRecord) -> str:
    """The reason why a search chose nothing."""
    baseline, *others = record.tried
    judged = [each for each in others if is_complete(each, record)]
    if not judged:
        return "no candidate was judged on all pictures"
    answers = {each.id: answer_of(each, record) for each in judged}
    timed = [
        each for each in judged if each.image_s and meets(record.goal, answers[each.id], baseline_s=baseline.composed_s)
    ]
    if timed:
        best = min(timed, key=lambda each: median(each.image_s))
        speedup = median_ratio(baseline.image_s, best.image_s)
        reached = f"{speedup:.2f}× ({median(best.image_s):.3g} s)"
        return f"composed times promised enough, but end to end the best has {reached}"
    return nearest(record.goal, list(answers.values()), baseline_s=baseline.composed_s)
