"""The pipeline's own scheduler, as its class in diffusers 0.42.1 runs it."""

import inspect
from collections.abc import Mapping
from typing import Any, Final, cast

import diffusers
from diffusers import SchedulerMixin
from diffusers.utils import DummyObject

from accel_exporter.base_config import corrections, file_config
from accel_exporter.libraries import one_line, quiet
from accel_exporter.schedules.config import SCHEDULER_CONFIG, check_scheduler_config
from accel_runtime.errors import ExportError, SourceError

# What the pipeline reads of any scheduler, and the noise prediction that it makes a step of.
_DRIVEN_BY: Final = ("init_noise_sigma", "order", "set_timesteps", "step")
_PIPELINE_ETA: Final = 0.0


def load_own(base_config: Mapping[str, Any]) -> SchedulerMixin:
    """The scheduler as `from_pretrained` of the pipeline's class leaves it.

    The constructor of `StableDiffusionPipeline` corrects two values of old configs on the loaded scheduler:
    steps_offset becomes 1, clip_sample becomes False. But a value that was missing from the file stays listed in
    the config's ``_use_default_values``, and `from_config` drops what is listed there. So, found by
    trying:

    - A written ``"steps_offset": 0`` is 1 after a change of scheduler too.
    - A *missing* steps_offset is 1 in the pipeline's own scheduler, and the new class's default (0)
      after ``Class.from_config(pipe.scheduler.config)``. Likewise a missing clip_sample: False in the
      pipeline's own DDIM, True again in a DDIM made from its config, which therefore clips.

    Correcting the *dict* before loading would un-list the value and differ in the second case.

    Args:
        base_config: What `accel_exporter.base_config` makes of the source's `scheduler_config.json`, or a loaded
            pipeline's `scheduler.config`.

    Raises:
        SourceError: It describes no scheduler of diffusers.
    """
    check_scheduler_config(base_config)
    scheduler_class = _class_called(base_config["_class_name"])
    try:
        with quiet():
            scheduler: Any = scheduler_class.from_config(file_config(base_config))
    # Whatever a constructor makes of a wrong config.
    except Exception as error:
        raise SourceError(f"{SCHEDULER_CONFIG} describes no {scheduler_class.__name__}: {one_line(error)}") from error
    for key, right in corrections(base_config).items():
        if getattr(scheduler.config, key, right) != right:
            scheduler.register_to_config(**{key: right})
    return cast("SchedulerMixin", scheduler)


def own_step_options(scheduler: SchedulerMixin) -> Mapping[str, object]:
    """What the pipeline gives every `step` beyond a scheduler's defaults: its ``eta``, where there is one to give."""
    eta = inspect.signature(cast("Any", scheduler).step).parameters.get("eta") if hasattr(scheduler, "step") else None
    return {} if eta is None or eta.default == _PIPELINE_ETA else {"eta": _PIPELINE_ETA}


def refuse_undriven(scheduler: SchedulerMixin) -> None:
    """Refuse a scheduler that no Stable Diffusion pipeline of diffusers can draw with.

    Raises:
        ExportError: Names what it lacks.
    """
    lacks = [name for name in _DRIVEN_BY if not hasattr(scheduler, name)]
    if lacks:
        raise ExportError(
            f"{type(scheduler).__name__}, the pipeline's own scheduler, has no {' and no '.join(lacks)}, so diffusers' "
            "StableDiffusionPipeline cannot draw with it either: name others with --schedulers"
        )


def _class_called(name: str) -> Any:  # the libraries' classes share no typed `from_config`
    """The scheduler class of diffusers, or its stand-in where a package that it needs is not installed."""
    found = getattr(diffusers, name, None)
    is_class = isinstance(found, type) and (issubclass(found, SchedulerMixin) or isinstance(found, DummyObject))
    if not is_class:
        raise SourceError(f"{SCHEDULER_CONFIG}: _class_name: no scheduler of diffusers is called {name!r}")
    return found
