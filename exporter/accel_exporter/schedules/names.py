"""Short names of schedulers, and the scheduler a diffusers user would get for one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import diffusers
from diffusers import SchedulerMixin

from accel_runtime.errors import InputError, SourceError


@dataclass(frozen=True)
class SchedulerChoice:
    """A diffusers class, and the config values that make it what its short name says."""

    class_name: str
    overrides: Mapping[str, object] = field(default_factory=dict)


SCHEDULERS: Mapping[str, SchedulerChoice] = {
    "ddim": SchedulerChoice("DDIMScheduler"),
    "pndm": SchedulerChoice("PNDMScheduler", {"skip_prk_steps": True}),
    "euler": SchedulerChoice("EulerDiscreteScheduler"),
    "dpmpp_2m": SchedulerChoice("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++", "solver_order": 2}),
}


def scheduler_for(name: str, base_config: Mapping[str, Any]) -> SchedulerMixin:
    """The scheduler that ``name`` stands for, in a pipeline whose scheduler config is ``base_config``.

    Where the pipeline's own scheduler already is what the name asks for, it is that; otherwise what
    ``Class.from_config(pipe.scheduler.config, **overrides)`` gives on the loaded pipeline.

    Args:
        name: One of `SCHEDULERS`.
        base_config: The source's `scheduler_config.json`, or a loaded pipeline's `scheduler.config`.

    Raises:
        InputError: Unknown name.
        SourceError: The config names no scheduler class of diffusers.
    """
    if name not in SCHEDULERS:
        raise InputError(f"unknown scheduler {name!r}: choose from {', '.join(SCHEDULERS)}")
    choice = SCHEDULERS[name]
    loaded = _load_as_pipeline(base_config)
    is_class = type(loaded).__name__ == choice.class_name
    if is_class and all(loaded.config[key] == value for key, value in choice.overrides.items()):
        return cast("SchedulerMixin", loaded)
    chosen = getattr(diffusers, choice.class_name)
    return cast("SchedulerMixin", chosen.from_config(loaded.config, **choice.overrides))


def _load_as_pipeline(base_config: Mapping[str, Any]) -> Any:
    """The scheduler as `StableDiffusionPipeline.from_pretrained` of diffusers 0.42.1 leaves it.

    The pipeline's constructor corrects two values of old configs on the loaded scheduler: steps_offset
    becomes 1, clip_sample becomes False. But a value that was missing from the file stays listed in
    the config's ``_use_default_values``, and `from_config` drops what is listed there. So, found by
    trying:

    - A written ``"steps_offset": 0`` is 1 after a change of scheduler too.
    - A *missing* steps_offset is 1 in the pipeline's own scheduler, and the new class's default (0)
      after ``Class.from_config(pipe.scheduler.config)``. Likewise a missing clip_sample: False in the
      pipeline's own DDIM, True again in a DDIM made from its config, which therefore clips.

    Correcting the *dict* before loading would un-list the value and differ in the second case.
    """
    class_name = base_config.get("_class_name")
    scheduler_class = getattr(diffusers, class_name, None) if isinstance(class_name, str) else None
    if scheduler_class is None or not hasattr(scheduler_class, "from_config"):
        raise SourceError(f"scheduler_config.json: _class_name: no scheduler of diffusers is called {class_name!r}")
    scheduler = scheduler_class.from_config(dict(base_config))
    if getattr(scheduler.config, "steps_offset", 1) != 1:
        scheduler.register_to_config(steps_offset=1)
    if getattr(scheduler.config, "clip_sample", False) is True:
        scheduler.register_to_config(clip_sample=False)
    return scheduler
