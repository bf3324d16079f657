"""The command line that searches again as a record's search did."""

from accel_bench.records.search import Goal, Score, SearchRecord


def search_words(record: SearchRecord) -> list[str]:
    """The words after `accel`, without the provider."""
    work, asked = record.workload, record.asked
    words = ["search", "BUNDLE", "--sched", work.scheduler, "--steps", str(work.steps)]
    words += ["--guidance", f"{work.guidance:g}", "--search-targets", ",".join(asked.targets)]
    words += ["--branches", ",".join(map(str, asked.branches)), "--strategy", asked.strategy]
    words += [] if asked.trials is None else ["--trials", str(asked.trials)]
    words += ["--moves", str(asked.moves)] if asked.moves else []
    words += [] if asked.prompts == "built-in" else ["--prompts", asked.prompts]
    words += ["--num-samples", str(len(record.prompts)), "--batch-size", str(work.batch)]
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
