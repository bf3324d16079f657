"""What diffusers' pipelines without text draw: they hand out pictures alone, so the last state is noted on the way."""

from typing import Any

import diffusers
from tests.integration.both import STEPS, both, seeds

from accel_exporter.schedules import SCHEDULERS


def scheduler_of(pipe: Any, name: str) -> Any:
    """The pipeline's own scheduler, or another made of its config, in the documented way."""
    choice, own = SCHEDULERS[name], pipe.scheduler
    if type(own).__name__ == choice.class_name:
        return own
    return getattr(diffusers, choice.class_name).from_config(own.config, **choice.overrides)


def ended(family: str, name: str, **options: Any) -> tuple[Any, Any]:
    """What diffusers' pipeline draws of two seeds: the last state, [2, C, h, w], and the pictures, [2, H, W, 3]."""
    pipe = both(family).theirs
    own, states = pipe.scheduler, []
    pipe.scheduler = scheduler = scheduler_of(pipe, name)
    step = scheduler.step

    def noted(*given: Any, **more: Any) -> Any:
        made = step(*given, **more)
        states.append(made.prev_sample)
        return made

    scheduler.step = noted
    try:
        pictures = pipe(batch_size=2, num_inference_steps=STEPS, output_type="np", generator=seeds(2), **options).images
    finally:
        pipe.scheduler = own
        scheduler.__dict__.pop("step")
    return states[-1].numpy(), pictures
