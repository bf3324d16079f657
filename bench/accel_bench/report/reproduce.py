"""The command line that measures or searches again what a record holds."""

from collections.abc import Sequence
from shlex import join

from accel_bench.plans.trial import trial_of
from accel_bench.records.bench import BenchRecord, ProfileUse
from accel_bench.records.evaluation import EvaluationRecord
from accel_bench.records.parts import PlanFacts
from accel_bench.records.search import Goal, Score, SearchRecord
from accel_bench.records.store import PictureRecord
from accel_runtime.backends import BackendDescription
from accel_runtime.backends.onnxruntime.providers import PROVIDERS
from accel_runtime.backends.openvino_device import PRECISIONS

_INDUCTOR = {"AOTInductor-cpu": "inductor", "AOTInductor-cuda": "inductor-cuda"}


def command(record: PictureRecord) -> str | None:
    """A line for a shell, with BUNDLE for the folder; None where no single line does it."""
    words = _words(record)
    provider = _provider(record.backend)
    if words is None or provider is None:
        return None
    threads = record.backend.options.get("intra_op_num_threads")
    words += ["--provider", provider, *(["--threads", str(threads)] if threads else [])]
    return "accel " + join(words)


def _words(record: PictureRecord) -> list[str] | None:
    if isinstance(record, BenchRecord):
        return _bench(record)
    return _search(record) if isinstance(record, SearchRecord) else _evaluate(record)


def _bench(record: BenchRecord) -> list[str] | None:
    if record.profile is not None:
        return _replay(record, record.profile)
    work, plans = record.workload, [plan.facts for plan in record.plans[1:]]
    cuts = {(facts.branch, facts.forecast) for facts in plans}
    if len(cuts) > 1 or record.peers or not all(map(_has_options, plans)):
        return None
    words = ["bench", "BUNDLE", *_work(record), "--prompt", record.prompt]
    if (work.height, work.width) != record.bundle.sample_size:
        words += ["--height", str(work.height), "--width", str(work.width)]
    words += [word for facts in plans for word in ("--plan", facts.plan)]
    for branch, forecast in cuts:
        words += ["--branch", str(branch), "--forecast", str(forecast)]
    return [*words, *_rounds(record)]


def _replay(record: BenchRecord, use: ProfileUse) -> list[str] | None:
    if use.instead:
        return None
    configs = [word for config in use.configs.values() for word in ("--config", config)]
    return ["bench", "BUNDLE", "--profile", use.name, *configs, "--prompt", record.prompt, *_rounds(record)]


def _rounds(record: BenchRecord) -> list[str]:
    return ["--rounds", str(len(record.plans[0].images))]


def _evaluate(record: EvaluationRecord) -> list[str] | None:
    trials = [trial.facts for trial in record.trials[1:]]
    plans, branches, forecasts = (_distinct(trials, field) for field in ("plan", "branch", "forecast"))
    if len(trials) != len(plans) * len(branches) * len(forecasts) or not all(map(_has_options, trials)):
        return None
    chosen = ["--plans", ",".join(plans), "--branches", ",".join(branches), "--forecasts", ",".join(forecasts)]
    return ["evaluate", "BUNDLE", *_work(record), *chosen, "--num-prompts", str(len(record.captions))]


def _has_options(facts: PlanFacts) -> bool:
    """Whether the command line's words can say all of a plan."""
    trial = trial_of(facts)
    return not trial.weights and not trial.changes


def _work(record: PictureRecord) -> list[str]:
    work = record.workload
    words = ["--steps", str(work.steps), "--scheduler", work.scheduler, "--guidance", f"{work.guidance:g}"]
    return [*words, "--batch", str(work.batch), "--seed", str(work.seed)]


def _distinct(trials: Sequence[PlanFacts], field: str) -> list[str]:
    return list(dict.fromkeys(str(getattr(facts, field)) for facts in trials))


def _provider(backend: BackendDescription) -> str | None:
    """The short name that asks for what ran."""
    if backend.backend == "openvino":
        # Left out, the processor would choose it; devices behind AUTO do not tell it.
        precision = backend.options.get("inference_precision")
        return f"openvino:{backend.provider}" + (f":{precision}" if precision in PRECISIONS else "")
    names = {provider.name: name for name, provider in PROVIDERS.items()} | _INDUCTOR
    name = names.get(backend.provider)
    is_software = str(backend.options.get("adapter", "")).endswith(", software")
    return f"{name}:software" if is_software else name


def _search(record: SearchRecord) -> list[str]:
    """The words after `accel`, without the provider."""
    work, asked = record.workload, record.asked
    words = ["search", "BUNDLE", "--scheduler", work.scheduler, "--steps", str(work.steps)]
    words += ["--guidance", f"{work.guidance:g}", "--search-targets", ",".join(asked.targets)]
    words += ["--branches", ",".join(map(str, asked.branches)), "--strategy", asked.strategy]
    words += [] if asked.trials is None else ["--trials", str(asked.trials)]
    words += ["--moves", str(asked.moves)] if asked.moves else []
    words += [] if asked.prompts == "built-in" else ["--prompts", asked.prompts]
    words += ["--num-prompts", str(len(record.prompts)), "--batch", str(work.batch)]
    words += ["--calibration", str(asked.calibration), "--seed", str(work.seed), *_goal(record.goal)]
    rounds = len(record.tried[0].image_s)
    return [*words, *(["--rounds", str(rounds)] if rounds else [])]


def _goal(goal: Goal) -> list[str]:
    words = ["--score", goal.score.value, *(["--clip-model", "CLIP"] if goal.score is Score.CLIP else [])]
    loss = None if goal.max_loss is None else f"{100 * goal.max_loss:.10g}%"
    bounds = {
        "--req-speedup": goal.speedup,
        "--req-time": goal.seconds,
        "--req-score-loss": loss,
        "--min-psnr": goal.min_psnr,
        "--max-feature-distance": goal.max_feature_distance,
    }
    return words + [word for option, value in bounds.items() if value is not None for word in (option, str(value))]
