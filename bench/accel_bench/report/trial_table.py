"""The numbers of an evaluation in rows."""

from collections.abc import Sequence

from accel_bench.base.stats import times
from accel_bench.evaluation.summary import TrialSummary
from accel_bench.evaluation.table import loss_text, psnr_text
from accel_bench.report.table import Column, Table, make_table
from accel_bench.report.words import NOTHING, Unit, digits, share


def trial_table(name: str, trials: Sequence[TrialSummary]) -> Table:
    """One row per trial, the baseline first."""
    unit = Unit.fit(trial.batch_s.median for trial in trials)
    columns = [
        Column("", [trial.plan for trial in trials], numeric=False),
        Column("branch", [NOTHING if trial.branch is None else str(trial.branch) for trial in trials]),
        Column("forecast", [trial.forecast or NOTHING for trial in trials], numeric=False),
        Column("deep calls", [f"{trial.deep} / {trial.calls}" for trial in trials]),
        Column("batch", [unit.spread(trial.batch_s) for trial in trials], unit.name),
        Column("speed-up", [times(trial.speedup) for trial in trials]),
        Column("PSNR", [psnr_text(trial) for trial in trials], "dB"),
        Column("SSIM", [f"{trial.ssim:.4f}" for trial in trials]),
        Column("feature distance", [digits(trial.feature_distance) for trial in trials]),
        Column("emoji-clip", [f"{trial.emoji_clip:.2f}" for trial in trials]),
        Column("score loss", [loss_text(trial) for trial in trials]),
        Column("colour right", [share(trial.colour_accuracy) for trial in trials]),
    ]
    return make_table(name, "Speed and quality of each plan, against full on the same captions and seeds", columns)
