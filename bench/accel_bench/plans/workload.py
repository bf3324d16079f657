"""Between what a command line sets, what a record keeps of it, and what a pipeline is asked to draw."""

from dataclasses import replace

import numpy as np

from accel_bench.plans.prepare import Settings
from accel_bench.records.parts import Workload
from accel_runtime.errors import InputError
from accel_runtime.manifest import Manifest
from accel_runtime.request import Control, Request
from accel_runtime.schedules.schedule import ScheduleTable


def workload_of(settings: Settings, schedule: ScheduleTable, *, size: tuple[int, int]) -> Workload:
    """What a record keeps of settings.

    Args:
        settings: Settings of the run.
        schedule: The baseline's schedule, which names the scheduler and its steps.
        size: Height and width of the pictures in pixels.
    """
    return Workload(
        scheduler=schedule.scheduler,
        steps=schedule.steps,
        guidance=settings.guidance,
        height=size[0],
        width=size[1],
        batch=settings.batch,
        seed=settings.seed,
    )


def settings_of(work: Workload) -> Settings:
    """The settings that a record was measured with."""
    return Settings(work.steps, work.scheduler, guidance=work.guidance, batch=work.batch, seed=work.seed)


def request_of(prompt: str, settings: Settings, *, manifest: Manifest, size: tuple[int | None, int | None]) -> Request:
    """A request for one batch of images of one prompt, `as_taken` by the model.

    Args:
        prompt: What to draw.
        settings: The batch, and the seed of its first image.
        manifest: Says what the model takes.
        size: Height and width in pixels; None takes the model's own.
    """
    height, width = size
    request = Request((prompt,), images_per_prompt=settings.batch, seed=settings.seed, height=height, width=width)
    return as_taken(request, manifest)


def as_taken(request: Request, manifest: Manifest) -> Request:
    """The same images of a model that takes no prompt, or more than one.

    It gets grey pictures, wholly masked, and draws its first class: time does not depend on what they show.

    Args:
        request: Prompts, seeds and a size.
        manifest: Says what the model takes.
    """
    prompts = request.prompts if manifest.texts else ("",) * len(request.prompts)
    grey = np.full((*request.size(manifest.state), 3), 128, np.uint8)
    taken = replace(
        request,
        prompts=prompts,
        class_labels=(0,) if manifest.draws_classes else (),
        controls=tuple(Control(grey) for _ in manifest.controls),
    )
    return replace(taken, image=grey, mask=np.full(grey.shape[:2], 255, np.uint8)) if manifest.takes_mask else taken


def check_judged(manifest: Manifest, command: str) -> None:
    """Refuse a model whose pictures no caption describes, before anything is drawn.

    Args:
        manifest: Says what the model takes.
        command: What judges pictures.

    Raises:
        InputError: The model takes no prompt, or pictures beside it.
    """
    takes = "no prompt" if not manifest.texts else "a masked picture" if manifest.takes_mask else "control images"
    if not manifest.texts or manifest.takes_mask or manifest.controls:
        raise InputError(
            f"{command}: it judges pictures of captions alone, and the model takes {takes}: time it with `accel bench`"
        )
