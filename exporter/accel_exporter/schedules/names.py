"""Short names of schedulers, and the scheduler a diffusers user would get for one.

The names are those of k-diffusion and of the interfaces built on it; `diffusers` documents which of its classes each
one is (api/schedulers/overview).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

import diffusers
from diffusers import SchedulerMixin

from accel_runtime.errors import ExportError, InputError, SourceError


@dataclass(frozen=True)
class SchedulerChoice:
    """A diffusers class, and what makes it what its short name says.

    Attributes:
        class_name: In diffusers.
        overrides: Config values.
        step_options: Arguments of every `step`.
        travels: Whether every bundle brings its tables.
        keeps_seeds: Whether a seed gives diffusers' image; not where torchsde draws the noise.
    """

    class_name: str
    overrides: Mapping[str, object] = field(default_factory=dict)
    step_options: Mapping[str, object] = field(default_factory=dict)
    travels: bool = False
    keeps_seeds: bool = True


def _multistep(order: int, algorithm: str = "dpmsolver++", *, travels: bool = False, **more: object) -> SchedulerChoice:
    overrides = {"algorithm_type": algorithm, "solver_order": order, **more}
    return SchedulerChoice("DPMSolverMultistepScheduler", overrides, travels=travels)


def _singlestep(order: int, **more: object) -> SchedulerChoice:
    overrides = {"algorithm_type": "dpmsolver++", "solver_order": order, **more}
    return SchedulerChoice("DPMSolverSinglestepScheduler", overrides)


_KARRAS: Final[dict[str, Any]] = {"use_karras_sigmas": True}
_EXPONENTIAL: Final = {"use_exponential_sigmas": True}
_BETA: Final = {"use_beta_sigmas": True}
# Said, not left to the default: the pipeline's own config may bring a DPM-Solver's algorithm, which DEIS refuses.
_DEIS: Final = {"algorithm_type": "deis"}

SCHEDULERS: Mapping[str, SchedulerChoice] = {
    "ddim": SchedulerChoice("DDIMScheduler", travels=True),
    "ddim_eta1": SchedulerChoice("DDIMScheduler", step_options={"eta": 1.0}),
    "ddpm": SchedulerChoice("DDPMScheduler"),
    "pndm": SchedulerChoice("PNDMScheduler", {"skip_prk_steps": True}, travels=True),
    "pndm_prk": SchedulerChoice("PNDMScheduler", {"skip_prk_steps": False}),
    "euler": SchedulerChoice("EulerDiscreteScheduler", travels=True),
    "euler_karras": SchedulerChoice("EulerDiscreteScheduler", _KARRAS),
    "euler_exponential": SchedulerChoice("EulerDiscreteScheduler", _EXPONENTIAL),
    "euler_beta": SchedulerChoice("EulerDiscreteScheduler", _BETA),
    "euler_a": SchedulerChoice("EulerAncestralDiscreteScheduler", travels=True),
    "heun": SchedulerChoice("HeunDiscreteScheduler", travels=True),
    "heun_karras": SchedulerChoice("HeunDiscreteScheduler", _KARRAS),
    "kdpm2": SchedulerChoice("KDPM2DiscreteScheduler"),
    "kdpm2_karras": SchedulerChoice("KDPM2DiscreteScheduler", _KARRAS),
    "kdpm2_a": SchedulerChoice("KDPM2AncestralDiscreteScheduler"),
    "kdpm2_a_karras": SchedulerChoice("KDPM2AncestralDiscreteScheduler", _KARRAS),
    "lms": SchedulerChoice("LMSDiscreteScheduler"),
    "lms_karras": SchedulerChoice("LMSDiscreteScheduler", _KARRAS),
    "dpmpp_1": _multistep(1),
    "dpmpp_2m": _multistep(2, travels=True),
    "dpmpp_2m_karras": _multistep(2, travels=True, **_KARRAS),
    "dpmpp_2m_lu": _multistep(2, use_lu_lambdas=True),
    "dpmpp_2m_sde": _multistep(2, "sde-dpmsolver++", travels=True),
    "dpmpp_2m_sde_karras": _multistep(2, "sde-dpmsolver++", **_KARRAS),
    "dpmpp_3m": _multistep(3),
    "dpmpp_3m_sde": _multistep(3, "sde-dpmsolver++", travels=True),
    "dpmpp_3m_sde_karras": _multistep(3, "sde-dpmsolver++", **_KARRAS),
    "dpmpp_2s": _singlestep(2),
    "dpmpp_2s_karras": _singlestep(2, **_KARRAS),
    "dpmpp_3s": _singlestep(3),
    "dpmpp_sde": SchedulerChoice("DPMSolverSDEScheduler", keeps_seeds=False),
    "dpmpp_sde_karras": SchedulerChoice("DPMSolverSDEScheduler", _KARRAS, keeps_seeds=False),
    "dpm_2m": _multistep(2, "dpmsolver", final_sigmas_type="sigma_min"),
    "dpm_3m": _multistep(3, "dpmsolver", final_sigmas_type="sigma_min"),
    "unipc": SchedulerChoice("UniPCMultistepScheduler", travels=True),
    "unipc_karras": SchedulerChoice("UniPCMultistepScheduler", _KARRAS),
    "unipc_3": SchedulerChoice("UniPCMultistepScheduler", {"solver_order": 3}),
    "unipc_4": SchedulerChoice("UniPCMultistepScheduler", {"solver_order": 4}),
    "deis": SchedulerChoice("DEISMultistepScheduler", _DEIS, travels=True),
    "deis_3": SchedulerChoice("DEISMultistepScheduler", {**_DEIS, "solver_order": 3}),
    "deis_karras": SchedulerChoice("DEISMultistepScheduler", {**_DEIS, **_KARRAS}),
    "ipndm": SchedulerChoice("IPNDMScheduler"),
    "sa_solver": SchedulerChoice("SASolverScheduler", {"algorithm_type": "data_prediction"}),
    "lcm": SchedulerChoice("LCMScheduler", travels=True),
    "tcd": SchedulerChoice("TCDScheduler", step_options={"eta": 0.3}),
    "edm_euler": SchedulerChoice("EDMEulerScheduler"),
    "edm_dpmpp_2m": SchedulerChoice("EDMDPMSolverMultistepScheduler"),
    "cosine_dpmpp_2m_sde": SchedulerChoice("CosineDPMSolverMultistepScheduler", keeps_seeds=False),
    "flow_euler": SchedulerChoice("FlowMatchEulerDiscreteScheduler"),
    "flow_heun": SchedulerChoice("FlowMatchHeunDiscreteScheduler"),
    "flow_lcm": SchedulerChoice("FlowMatchLCMScheduler"),
}


def travelling(base_config: Mapping[str, Any]) -> tuple[str, ...]:
    """The schedulers that every bundle brings, and the pipeline's own."""
    own = base_config.get("_class_name")
    names = [name for name, choice in SCHEDULERS.items() if choice.travels]
    if not any(SCHEDULERS[name].class_name == own for name in names):
        names += [name for name, choice in SCHEDULERS.items() if choice.class_name == own][:1]
    return tuple(names)


def short_name(name: str) -> str:
    """The short name that ``name`` is, or that stands for the diffusers class of that name.

    Raises:
        InputError: It is neither.
    """
    if name in SCHEDULERS:
        return name
    for short, choice in SCHEDULERS.items():
        if choice.class_name == name:
            return short
    raise InputError(f"unknown scheduler {name!r}: choose from {', '.join(SCHEDULERS)}, or a diffusers class of these")


def scheduler_for(name: str, base_config: Mapping[str, Any]) -> SchedulerMixin:
    """The scheduler that ``name`` stands for, in a pipeline whose scheduler config is ``base_config``.

    Where the pipeline's own scheduler already is what the name asks for, it is that; otherwise what
    ``Class.from_config(pipe.scheduler.config, **overrides)`` gives on the loaded pipeline.

    Args:
        name: One of `SCHEDULERS`, or a class of diffusers.
        base_config: The source's `scheduler_config.json`, or a loaded pipeline's `scheduler.config`.

    Raises:
        InputError: Unknown name.
        SourceError: The config names no scheduler class of diffusers.
        ExportError: diffusers cannot make the one of the other.
    """
    choice = SCHEDULERS[short_name(name)]
    loaded = _load_as_pipeline(base_config)
    is_class = type(loaded).__name__ == choice.class_name
    if is_class and all(loaded.config[key] == value for key, value in choice.overrides.items()):
        return cast("SchedulerMixin", loaded)
    chosen = getattr(diffusers, choice.class_name)
    try:
        return cast("SchedulerMixin", chosen.from_config(loaded.config, **choice.overrides))
    except (ImportError, NotImplementedError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ExportError(
            f"{choice.class_name} cannot be made of this pipeline's scheduler config: {reason}"
        ) from error


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
