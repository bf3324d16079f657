"""All schedule tables of a pipeline: every scheduler, every step count."""

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import diffusers
import torch
from diffusers import SchedulerMixin

from accel_exporter.schedules import store
from accel_exporter.schedules.compile import compile_schedule, is_memoryless, order_of
from accel_exporter.schedules.content import Content
from accel_exporter.schedules.entry import TableSet
from accel_exporter.schedules.names import bundled_names, resolved_name, scheduler_for, step_options
from accel_exporter.schedules.own import load_own, refuse_undriven
from accel_runtime.errors import ExportError
from accel_runtime.schedules.file import OWN_SCHEDULER
from accel_runtime.schedules.schedule import ScheduleTable

ALL_STEPS = range(1, 101)
_TRIED_STEPS = (20, 5, 2, 1)
# img2img may start anywhere. A memoryless scheduler's whole table serves every start; a multistep one needs a table per
# start, which for all step counts would be 5,050 of them.
IMG2IMG_STEPS = (10, 15, 20, 25, 30, 40, 50)


@dataclass(frozen=True)
class CompiledScheduler:
    """The tables of one scheduler.

    Attributes:
        name: Short name.
        tables: One per step count, in the order asked for.
        skipped: Why there is no table, by step count, where diffusers itself fails.
        metadata: Strings to write beside the tables.
    """

    name: str
    tables: tuple[ScheduleTable, ...]
    skipped: Mapping[int, str]
    metadata: Mapping[str, str]


def compile_all(
    scheduler_config: Mapping[str, Any],
    *,
    names: Iterable[str] | None = None,
    steps: Iterable[int] = ALL_STEPS,
) -> Iterator[CompiledScheduler]:
    """The tables of the schedulers called ``names`` for every step count, one scheduler at a time.

    What was compiled before, and came with the package or lies in the user's cache, is not compiled again.

    Args:
        scheduler_config: Scheduler config of the source pipeline.
        names: Names of `SCHEDULERS`, or `OWN_SCHEDULER`; None for those that every bundle contains.
        steps: Step counts. What diffusers itself cannot run is listed as skipped, not an error.

    Raises:
        InputError: Unknown name.
        SourceError: The config names no scheduler.
        ExportError: A scheduler cannot be a table (it clips or thresholds); says what to change.
    """
    steps = tuple(steps)
    for asked in bundled_names(scheduler_config) if names is None else names:
        name = resolved_name(asked, scheduler_config)
        scheduler = scheduler_for(name, scheduler_config)
        content = Content.of(name, scheduler, steps=steps)
        found = store.find(content)
        if found is None:
            found = compile_tables(name, scheduler, steps)
            store.keep(content, found)
        if not found.tables:
            raise ExportError(f"{content.class_name}: diffusers itself fails: {next(iter(found.skipped.values()))}")
        metadata = scheduler_metadata(scheduler, memoryless=found.memoryless)
        yield CompiledScheduler(name, found.tables, found.skipped, metadata)


def compile_one(name: str, scheduler_config: Mapping[str, Any], *, steps: Iterable[int]) -> CompiledScheduler:
    """The tables of one scheduler; see `compile_all`."""
    (compiled,) = compile_all(scheduler_config, names=(name,), steps=steps)
    return compiled


def check_schedulers(scheduler_config: Mapping[str, Any], names: Iterable[str] | None, *, steps: int) -> None:
    """Compile one table of every scheduler that an export has to have, so that a refusal comes before all other work.

    Args:
        scheduler_config: The source pipeline's.
        names: As in `compile_all`; None for the pipeline's own, which no other stands in for.
        steps: The most that tables are wanted for.

    Raises:
        AccelError: As `compile_all`; and diffusers' pipeline could not draw with its own scheduler either.
    """
    if names is None:
        refuse_undriven(load_own(scheduler_config))
    for asked in (OWN_SCHEDULER,) if names is None else names:
        name = resolved_name(asked, scheduler_config)
        _try(name, scheduler_for(name, scheduler_config), [count for count in _TRIED_STEPS if count <= steps])


def _try(name: str, scheduler: SchedulerMixin, counts: Iterable[int]) -> None:
    """Compile a table of one of these step counts; the next is tried where diffusers itself cannot run one."""
    refusals = []
    for count in counts:
        try:
            compile_schedule(scheduler, name, spacing=count, step_options=step_options(name, scheduler))
        except ExportError as error:
            refusals.append(error)
            if why_diffusers_fails(scheduler, count) is None:
                break
        else:
            return
    raise refusals[0]


def is_compiled(name: str, scheduler_config: Mapping[str, Any], *, steps: tuple[int, ...]) -> bool:
    """Whether `compile_one` only has to read."""
    try:
        name = resolved_name(name, scheduler_config)
        scheduler = scheduler_for(name, scheduler_config)
    except ExportError:
        return False
    return store.find(Content.of(name, scheduler, steps=steps)) is not None


def compile_tables(name: str, scheduler: SchedulerMixin, steps: tuple[int, ...]) -> TableSet:
    """Compile one scheduler for every step count, whatever was compiled before; see `compile_all`."""
    options = step_options(name, scheduler)
    tables: list[ScheduleTable] = []
    skipped: dict[int, str] = {}
    for count in steps:
        try:
            tables.append(compile_schedule(scheduler, name, spacing=count, step_options=options))
        except ExportError:
            reason = why_diffusers_fails(scheduler, count)
            if reason is None:
                raise
            skipped[count] = reason
    memoryless = is_memoryless(scheduler, step_options=options)
    if not memoryless:
        whole = [table for table in tables if table.steps in IMG2IMG_STEPS]
        tables += [started for table in whole for started in tables_from_the_middle(scheduler, table)]
    return TableSet(tuple(tables), skipped, memoryless)


def tables_from_the_middle(scheduler: SchedulerMixin, whole: ScheduleTable) -> Iterator[ScheduleTable]:
    """The tables of every later start of ``whole``, for img2img."""
    options = step_options(whole.scheduler, scheduler)
    for begin, row in enumerate(whole.rows):
        if begin and row.add_noise is not None:
            yield compile_schedule(scheduler, whole.scheduler, spacing=whole.steps, begin=begin, step_options=options)


def why_diffusers_fails(scheduler: SchedulerMixin, steps: int) -> str | None:
    """What goes wrong in the scheduler's own loop on plain float32 latents; None if nothing does."""
    loop = cast("Any", copy.deepcopy(scheduler))
    latents = torch.ones(1, 4, 8, 8)
    try:
        loop.set_timesteps(steps)
        for t in loop.timesteps:
            noise_pred = (loop.scale_model_input(latents, t) if hasattr(loop, "scale_model_input") else latents) * 0.1
            latents = loop.step(noise_pred, t, latents, return_dict=False)[0]
    except Exception as error:  # noqa: BLE001 - whatever it is, a user of diffusers would meet it too
        return f"{type(error).__name__}: {error}"
    return None if bool(latents.isfinite().all()) else "the latents become infinite or NaN"


def scheduler_metadata(scheduler: SchedulerMixin, *, memoryless: bool) -> dict[str, str]:
    """What a schedule file says of its scheduler."""
    return {
        "order": str(order_of(scheduler)),
        "memoryless": "yes" if memoryless else "no",
        "class": type(scheduler).__name__,
        "config": cast("Any", scheduler).to_json_string(),
        "diffusers": diffusers.__version__,
    }
