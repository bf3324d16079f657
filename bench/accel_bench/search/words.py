"""A search's candidates and its end in words, for tables, terminals and reports."""

from collections.abc import Iterator, Sequence
from statistics import median

from accel_bench.base.stats import median_ratio
from accel_bench.plans.trial import trial_of
from accel_bench.records.search import SearchRecord
from accel_bench.search.goal import meets, nearest
from accel_bench.search.summary import TriedSummary, answer_of, is_complete


def plan_words(each: TriedSummary) -> str:
    """A candidate as a row of a table names it, without the list of its deep calls."""
    facts = each.facts
    words = ["full"]
    if facts.branch is not None:
        calls = facts.plan if facts.plan.startswith("every") else f"{len(facts.deep_calls)} calls"
        words = [calls, f"k={facts.branch}", "solved weights" if facts.weights else str(facts.forecast)]
    return " ".join([*words, *trial_of(facts).changes])


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
    """What stands in the way, where a search chose nothing."""
    baseline, *others = record.tried
    judged = [each for each in others if is_complete(each, record)]
    if not judged:
        return "no candidate was judged on all pictures"
    answers = [answer_of(each, record) for each in judged]
    met = {answer.candidate.id for answer in answers if meets(record.goal, answer, baseline_s=baseline.composed_s)}
    timed = [each for each in judged if each.id in met and each.image_s]
    if timed:
        best = min(timed, key=lambda each: median(each.image_s))
        speedup = median_ratio(baseline.image_s, best.image_s)
        reached = f"{speedup:.2f}× ({median(best.image_s):.3g} s)"
        return f"composed times promised enough, but end to end the best has {reached}"
    return nearest(record.goal, answers, baseline_s=baseline.composed_s)
