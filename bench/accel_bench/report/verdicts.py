"""Results in sentences: how plans compare, and whether a search met its goal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from accel_bench.base.stats import CONFIDENCE, Spread, times
from accel_bench.benchmark.summary import PeerSummary, PlanSummary, Summary
from accel_bench.records.parts import PlanFacts, Workload
from accel_bench.records.search import Goal, SearchRecord
from accel_bench.report.facts import Fact
from accel_bench.report.words import Unit, amount, digits, duration
from accel_bench.search.summary import TriedSummary
from accel_bench.search.table import loss_words, why_not


@dataclass(frozen=True, slots=True)
class Verdict:
    """A sentence, in parts around its number."""

    before: str
    number: str
    after: str


def verdicts(summary: Summary) -> list[Verdict]:
    """Compare each plan with the baseline, then the baseline and the fastest plan with each peer."""
    baseline, *others = summary.plans
    found = [_of_plan(plan, baseline) for plan in others]
    for peer in summary.peers:
        found += _of_peer(peer, summary)
    return found


def _of_plan(plan: PlanSummary, baseline: PlanSummary) -> Verdict:
    now, before = plan.image_s.median, baseline.image_s.median
    unit = Unit.fit([now, before])
    seconds = f"{unit.number(now)} instead of {unit.number(before)} {unit.name}"
    return compare(plan.name, plan.speedup, than=baseline.name, remark=seconds)


def _of_peer(peer: PeerSummary, summary: Summary) -> Iterator[Verdict]:
    fastest = max(summary.plans, key=lambda plan: plan.speedup.median)
    for plan in dict.fromkeys((summary.plans[0].name, fastest.name)):
        calls = amount(peer.calls, "UNet call")
        yield compare(plan, peer.behind[plan], than=peer.name, remark=f"{peer.name} made {calls}")


def compare(name: str, factor: Spread, *, than: str, remark: str) -> Verdict:
    """Say how many times as fast as ``than`` the contender ``name`` is, or that the samples do not show a difference.

    Args:
        name: Name of a plan.
        factor: Seconds of the other contender over the plan's, round by round.
        than: Name of the other contender.
        remark: Text for the end of the sentence.
    """
    ends = f"[{factor.low:.2f} – {factor.high:.2f}]"
    if factor.confidence < CONFIDENCE:
        ends += f", the ends of {amount(factor.samples, 'sample')}, too few for an interval"
    number = f"{factor.median:.2f}×"
    if factor.low <= 1 <= factor.high:
        return Verdict(f"{name} is not shown to differ from {than}:", number, f"as fast {ends}; {remark}")
    return Verdict(f"{name} draws", number, f"as fast as {than} {ends}; {remark}")


def goal_words(goal: Goal) -> str:
    """The goal of a search in a sentence."""
    allowed = " and ".join(_bounds(goal)) or "no bound on quality"
    if goal.speedup is not None:
        return f"At least {goal.speedup:g}× as fast, with {allowed}; of such, the pictures nearest to the baseline's."
    if goal.seconds is not None:
        limit = duration(goal.seconds)
        return f"An image in at most {limit}, with {allowed}; of such, the pictures nearest to the baseline's."
    return f"The fastest with {allowed}."


def search_verdict(summaries: Sequence[TriedSummary], record: SearchRecord) -> Verdict:
    """Say whether the goal was met, and by which candidate."""
    baseline, *others = summaries
    for each in others:
        if each.chosen and each.measured is not None:
            name = f"Goal met: {short_words(each)}"
            return compare(name, each.measured, than=baseline.facts.name, remark=_kept(each, record))
    return Verdict("Nothing that was tried meets the goal:", "", f"{why_not(record)}.")


def chosen_facts(each: TriedSummary, record: SearchRecord) -> list[Fact]:
    """The chosen plan and its figures as a list of facts."""
    facts, quality = each.facts, each.quality
    found = [
        Fact("Deep calls", _deep(facts)),
        Fact("Other calls", _others(facts)),
        Fact("Steps", _steps(facts, record.workload)),
        Fact("Guidance", _guidance(facts)),
        Fact("Family", each.family),
        Fact("Measured", "" if each.measured is None else f"{times(each.measured)} as fast, end to end"),
        Fact("Composed", f"{each.speedup:.2f}× as fast, {duration(each.composed_s)} an image, by its graphs' times"),
        Fact("PSNR", "no pixel differs" if quality.psnr is None else f"{quality.psnr:.2f} dB"),
        Fact("Feature distance", digits(quality.feature_distance)),
        Fact(f"Loss of {record.goal.score}", loss_words(each)),
    ]
    return [fact for fact in found if fact.value]


def forecast_words(facts: PlanFacts) -> str:
    """Describe how the features of shallow calls are made."""
    weights = facts.plan.weights
    if weights:
        longest = max(map(len, weights.values()))
        rest = len(facts.shallow_calls) - len(weights)
        others = f", of {amount(rest, 'other')} by the rule {facts.plan.forecast}" if rest else ""
        last = "deep one" if longest == 1 else f"{longest} deep ones"
        return f"features of {amount(len(weights), 'call')} are the last {last} with solved weights{others}"
    return {
        "hold": "features are those of the last deep call",
        "linear": "features are extrapolated linearly from the last two deep calls",
        "quadratic": "features are extrapolated quadratically from the last three deep calls",
    }[facts.plan.forecast.value]


def short_words(each: TriedSummary) -> str:
    """Describe a candidate in a few words, without the list of its deep calls."""
    facts = each.facts
    skipped = f", {len(facts.plan.skip)} skipped" if facts.plan.skip else ""
    words = f"{each.family} with {len(facts.deep_calls)} of {amount(facts.calls, 'call')} deep{skipped}"
    return words if facts.plan.guided_calls is None else f"{words}, guided on some"


def _bounds(goal: Goal) -> Iterator[str]:
    if goal.max_loss is not None:
        yield f"a loss of at most {100 * goal.max_loss:g}% of {goal.score}"
    if goal.min_psnr is not None:
        yield f"a PSNR of at least {goal.min_psnr:g} dB"
    if goal.max_feature_distance is not None:
        yield f"a feature distance of at most {goal.max_feature_distance:g}"


def _kept(each: TriedSummary, record: SearchRecord) -> str:
    psnr = "no pixel differs" if each.quality.psnr is None else f"{each.quality.psnr:.1f} dB"
    return f"{psnr}, and {record.goal.score} loses {loss_words(each)}"


def _deep(facts: PlanFacts) -> str:
    count = f"{len(facts.deep_calls)} of {facts.calls}"
    if len(facts.deep_calls) == facts.calls:
        return f"all {facts.calls}"
    return f"{count}: {', '.join(map(str, facts.deep_calls))}"


def _others(facts: PlanFacts) -> str:
    """What the calls do that are not deep."""
    skip, shallow = facts.plan.skip, facts.shallow_calls
    numbers = f"{', '.join(map(str, shallow))} " if skip else ""
    cut = f"{numbers}cut the UNet at branch {_cuts(facts)}; {forecast_words(facts)}" if shallow else ""
    skipped = f"{amount(len(skip), 'call')} skipped" if skip else ""
    solved = "the calls that run have solved coefficients" if facts.plan.rows else ""
    return "; ".join(part for part in (cut, skipped, solved) if part)


def _steps(facts: PlanFacts, work: Workload) -> str:
    steps = facts.plan.steps
    return "" if steps in (None, work.steps) else f"{steps} instead of {work.steps}"


def _guidance(facts: PlanFacts) -> str:
    guided, gate = facts.plan.guided_calls, facts.plan.tgate
    if gate and guided is None:
        return f"before call {gate} alone, from which on cross-attentions do not run"
    return "" if guided is None else "on calls {} to {} alone".format(*guided)


def _cuts(facts: PlanFacts) -> str:
    return " or ".join(map(str, facts.branches))
