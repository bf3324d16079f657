"""What a record says, in plain words."""

from collections.abc import Iterator
from dataclasses import dataclass

from accel_bench.base.stats import CONFIDENCE, Spread
from accel_bench.benchmark.summary import PeerSummary, PlanSummary, Summary
from accel_bench.report.words import Unit, amount


@dataclass(frozen=True, slots=True)
class Verdict:
    """A sentence around the number that it is about."""

    before: str
    number: str
    after: str


def verdicts(summary: Summary) -> list[Verdict]:
    """One per plan against the baseline, then the baseline and the fastest plan against each peer."""
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
    """Say how many times as fast ``name`` is as ``than``, or that the samples do not tell.

    Args:
        name: Of a plan.
        factor: The other's seconds over the plan's, round by round.
        than: What it is compared with.
        remark: Added at the end.
    """
    ends = f"[{factor.low:.2f} – {factor.high:.2f}]"
    if factor.confidence < CONFIDENCE:
        ends += f", the ends of {amount(factor.samples, 'sample')}, too few for an interval"
    number = f"{factor.median:.2f}×"
    if factor.low <= 1 <= factor.high:
        return Verdict(f"{name} is not shown to differ from {than}:", number, f"as fast {ends}; {remark}")
    return Verdict(f"{name} draws", number, f"as fast as {than} {ends}; {remark}")
