"""The command line that searches again as a record's search did."""

from accel_bench.quality.captions import evaluation_captions
from accel_bench.records.search import SearchRecord
from accel_bench.search.choose import Way
from accel_bench.search.goal import Goal
from accel_bench.search.quality import Score

_SHALLOW = "unet_shallow_"


def search_words(record: SearchRecord) -> list[str] | None:
    """The words after `accel`, without the provider; None for Optuna's, whose study's length is not in the record."""
    if record.strategy == Way.OPTUNA:
        return None
    work = record.workload
    words = ["search", "BUNDLE", "--sched", work.scheduler, "--steps", str(work.steps)]
    words += ["--guidance", f"{work.guidance:g}", "--search-targets", ",".join(record.targets)]
    words += [*_branches(record), "--strategy", record.strategy, *_prompts(record)]
    words += ["--num-samples", str(len(record.prompts)), "--batch-size", str(work.batch), "--seed", str(work.seed)]
    words += _goal(record.goal)
    rounds = len(record.tried[0].image_s)
    return [*words, *(["--rounds", str(rounds)] if rounds else [])]


def _branches(record: SearchRecord) -> list[str]:
    """Nothing where every branch of the bundle was tried, as it is without the option."""
    has = {int(name.removeprefix(_SHALLOW)) for name in record.bundle.graphs if name.startswith(_SHALLOW)}
    tried = {each.facts.branch for each in record.tried if each.facts.branch is not None}
    return ["--branches", ",".join(map(str, sorted(tried)))] if tried and tried != has else []


def _prompts(record: SearchRecord) -> list[str]:
    """Nothing where they are the built-in ones, as they are without the option."""
    built_in = tuple(each.caption for each in evaluation_captions(None, 0))
    return [] if record.prompts == built_in[: len(record.prompts)] else ["--prompts", "PROMPTS"]


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
