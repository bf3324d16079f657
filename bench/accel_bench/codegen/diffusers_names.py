"""What short names of ours are in diffusers; the exporter knows, so this takes the `export` extra."""

from collections.abc import Mapping
from dataclasses import dataclass

from accel_bench.base.extras import extra
from accel_runtime.errors import InputError
from accel_runtime.schedule_file import OWN_SCHEDULER


@dataclass(frozen=True, slots=True)
class SchedulerClass:
    """A scheduler as a diffusers user makes it.

    Attributes:
        name: Of the class.
        options: Of its config.
        eta: Of every step; 0 where the class has none.
        keeps_seeds: Whether a seed gives the same picture there as here.
    """

    name: str
    options: Mapping[str, object]
    eta: float
    keeps_seeds: bool


def scheduler_class(name: str) -> SchedulerClass:
    """The class that a short name stands for.

    Raises:
        InputError: There is no such scheduler, or it is a pipeline's own, which no name describes.
        MissingExtraError: The `export` extra is not installed.
    """
    with extra("export"):
        # It brings torch, so it is imported only where it is used.
        from accel_exporter.schedules import SCHEDULERS, short_name  # noqa: PLC0415
    if name == OWN_SCHEDULER:
        raise InputError(f"scheduler {name!r}: the pipeline's own has no name in diffusers: write it for the runtime")
    chosen = SCHEDULERS[short_name(name)]
    return SchedulerClass(
        name=chosen.class_name,
        options=chosen.overrides,
        eta=float(str(chosen.step_options.get("eta", 0.0))),
        keeps_seeds=chosen.keeps_seeds,
    )


def hub_id(model: str) -> str | None:
    """What diffusers loads for a config's model; None where only our package brings the weights.

    Raises:
        MissingExtraError: The `export` extra is not installed.
    """
    with extra("export"):
        from accel_exporter.sources.aliases import ALIASES  # noqa: PLC0415  # as above
    return ALIASES[model].hub_id if model in ALIASES else model
