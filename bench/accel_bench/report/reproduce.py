"""The command line that repeats the run of a record."""

from collections.abc import Iterable
from shlex import join

from accel_bench.plans.names import calls_name, own_settings
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
    """A line for a shell, with BUNDLE for the folder; None where no single command repeats the run."""
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
    cuts = {(facts.plan.branch, facts.plan.forecast) for facts in plans}
    if len(cuts) > 1 or record.peers or not all(map(_has_options, plans)):
        return None
    words = ["bench", "BUNDLE", *_work(record), "--prompt", record.prompt]
    if (work.height, work.width) != record.bundle.sample_size:
        words += ["--height", str(work.height), "--width", str(work.width)]
    words += [word for facts in plans for word in ("--plan", calls_name(facts.plan))]
    for branch, forecast in cuts:
        words += ["--branch", str(branch), "--forecast", forecast]
    return [*words, *_rounds(record)]


def _replay(record: BenchRecord, use: ProfileUse) -> list[str] | None:
    if use.instead:
        return None
    configs = [word for config in use.configs.values() for word in ("--config", config)]
    return ["bench", "BUNDLE", "--profile", use.name, *configs, "--prompt", record.prompt, *_rounds(record)]


def _rounds(record: BenchRecord) -> list[str]:
    return ["--rounds", str(len(record.plans[0].images))]


def _evaluate(record: EvaluationRecord) -> list[str] | None:
    facts = [trial.facts for trial in record.trials[1:]]
    plans = _distinct(calls_name(each.plan) for each in facts)
    branches = _distinct(str(each.plan.branch) for each in facts)
    forecasts = _distinct(each.plan.forecast.value for each in facts)
    if len(facts) != len(plans) * len(branches) * len(forecasts) or not all(map(_has_options, facts)):
        return None
    chosen = ["--plan", ",".join(plans), "--branch", ",".join(branches), "--forecast", ",".join(forecasts)]
    return ["evaluate", "BUNDLE", *_work(record), *chosen, "--num-prompts", str(len(record.captions))]


def _has_options(facts: PlanFacts) -> bool:
    """Whether options of the command line can express the plan."""
    own = facts.plan.weights or facts.plan.branches or facts.plan.rows or own_settings(facts.plan)
    return not facts.is_full and not own


def _work(record: PictureRecord) -> list[str]:
    work = record.workload
    words = ["--steps", str(work.steps), "--scheduler", work.scheduler, "--guidance", f"{work.guidance:g}"]
    return [*words, "--batch", str(work.batch), "--seed", str(work.seed)]


def _distinct(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))


def _provider(backend: BackendDescription) -> str | None:
    """The short name of the provider that ran."""
    if backend.backend == "openvino":
        # Without it, OpenVINO would choose the precision by the processor. Devices behind AUTO do not report it.
        precision = backend.options.get("inference_precision")
        return f"openvino:{backend.provider}" + (f":{precision}" if precision in PRECISIONS else "")
    names = {provider.name: name for name, provider in PROVIDERS.items()} | _INDUCTOR
    name = names.get(backend.provider)
    is_software = str(backend.options.get("adapter", "")).endswith(", software")
    return f"{name}:software" if is_software else name


def _search(record: SearchRecord) -> list[str]:
    """Words of `accel search`, without the provider."""
    work, asked = record.workload, record.asked
    words = ["search", "BUNDLE", "--scheduler", work.scheduler, "--steps", str(work.steps)]
    words += ["--guidance", f"{work.guidance:g}", "--search-targets", ",".join(asked.targets)]
    words += ["--branch", ",".join(map(str, asked.branches)), "--strategy", asked.strategy]
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
