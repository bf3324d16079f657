"""The scores that an evaluation found for the plans of a benchmark."""

from collections.abc import Sequence

from accel_bench.evaluation.summary import TrialSummary, summarise_evaluation
from accel_bench.records.bench import BenchRecord
from accel_bench.records.evaluation import EvaluationRecord
from accel_bench.records.parts import PlanFacts, Workload


def scores_of(record: BenchRecord, evaluations: Sequence[EvaluationRecord]) -> dict[str, TrialSummary]:
    """By the benchmark's name of a plan, the first evaluation of the same calls on the same bundle and settings."""
    found: dict[str, TrialSummary] = {}
    for evaluation in evaluations:
        if evaluation.bundle.digest == record.bundle.digest and _same_work(evaluation.workload, record.workload):
            trials = zip(evaluation.trials, summarise_evaluation(evaluation), strict=True)
            by_calls = {_calls(trial.facts): summary for trial, summary in trials}
            for plan in record.plans:
                if _calls(plan.facts) in by_calls:
                    found.setdefault(plan.facts.name, by_calls[_calls(plan.facts)])
    return found


def _same_work(one: Workload, other: Workload) -> bool:
    """Whether pictures come from the same settings; batch and seed do not change what a plan loses."""
    return _settings(one) == _settings(other)


def _settings(work: Workload) -> tuple[object, ...]:
    return work.scheduler, work.steps, work.guidance, work.height, work.width


def _calls(facts: PlanFacts) -> tuple[object, ...]:
    """All that decides what a plan draws, whichever way it was written."""
    plan, deep = facts.plan, facts.deep_calls
    shallow = [call for call in range(facts.calls) if call not in deep]
    reused = tuple((plan.branch_of(call), plan.weights_of(call, deep_calls=deep)) for call in shallow)
    return facts.calls, deep, reused, plan.scheduler, plan.steps, plan.guided_calls
