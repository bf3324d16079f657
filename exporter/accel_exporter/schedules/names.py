"""Short names of schedulers, and the scheduler a diffusers user would get for one.

The names are those of k-diffusion and of the interfaces built on it; `diffusers` documents which of its classes each
one is (api/schedulers/overview).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

import diffusers
from diffusers import SchedulerMixin

from accel_exporter.libraries import one_line, quiet
from accel_exporter.schedules.own import load_own, own_step_options
from accel_runtime.errors import ExportError, InputError
from accel_runtime.schedules.file import OWN_SCHEDULER


@dataclass(frozen=True)
class SchedulerChoice:
    """A diffusers class, and what makes it what its short name says.

    Attributes:
        class_name: Name of the class in diffusers.
        overrides: Values of its config.
        step_options: Arguments of every `step`.
        bundled: Whether every bundle contains its tables.
        keeps_seeds: Whether a seed gives diffusers' image; it does not where torchsde draws the noise.
    """

    class_name: str
    overrides: Mapping[str, object] = field(default_factory=dict)
    step_options: Mapping[str, object] = field(default_factory=dict)
    bundled: bool = False
    keeps_seeds: bool = True


def _multistep(order: int, algorithm: str = "dpmsolver++", *, bundled: bool = False, **more: object) -> SchedulerChoice:
    overrides = {"algorithm_type": algorithm, "solver_order": order, **more}
    return SchedulerChoice("DPMSolverMultistepScheduler", overrides, bundled=bundled)


def _singlestep(order: int, **more: object) -> SchedulerChoice:
    overrides = {"algorithm_type": "dpmsolver++", "solver_order": order, **more}
    return SchedulerChoice("DPMSolverSinglestepScheduler", overrides)


_KARRAS: Final[dict[str, Any]] = {"use_karras_sigmas": True}
_EXPONENTIAL: Final = {"use_exponential_sigmas": True}
_BETA: Final = {"use_beta_sigmas": True}
# Said, not left to the default: the pipeline's own config may bring a DPM-Solver's algorithm, which DEIS refuses.
_DEIS: Final = {"algorithm_type": "deis"}

SCHEDULERS: Mapping[str, SchedulerChoice] = {
    "ddim": SchedulerChoice("DDIMScheduler", bundled=True),
    "ddim_eta1": SchedulerChoice("DDIMScheduler", step_options={"eta": 1.0}),
    "ddpm": SchedulerChoice("DDPMScheduler"),
    "pndm": SchedulerChoice("PNDMScheduler", {"skip_prk_steps": True}, bundled=True),
    "pndm_prk": SchedulerChoice("PNDMScheduler", {"skip_prk_steps": False}),
    "euler": SchedulerChoice("EulerDiscreteScheduler", bundled=True),
    "euler_karras": SchedulerChoice("EulerDiscreteScheduler", _KARRAS),
    "euler_exponential": SchedulerChoice("EulerDiscreteScheduler", _EXPONENTIAL),
    "euler_beta": SchedulerChoice("EulerDiscreteScheduler", _BETA),
    "euler_a": SchedulerChoice("EulerAncestralDiscreteScheduler", bundled=True),
    "heun": SchedulerChoice("HeunDiscreteScheduler", bundled=True),
    "heun_karras": SchedulerChoice("HeunDiscreteScheduler", _KARRAS),
    "kdpm2": SchedulerChoice("KDPM2DiscreteScheduler"),
    "kdpm2_karras": SchedulerChoice("KDPM2DiscreteScheduler", _KARRAS),
    "kdpm2_a": SchedulerChoice("KDPM2AncestralDiscreteScheduler"),
    "kdpm2_a_karras": SchedulerChoice("KDPM2AncestralDiscreteScheduler", _KARRAS),
    "lms": SchedulerChoice("LMSDiscreteScheduler"),
    "lms_karras": SchedulerChoice("LMSDiscreteScheduler", _KARRAS),
    "dpmpp_1": _multistep(1),
    "dpmpp_2m": _multistep(2, bundled=True),
    "dpmpp_2m_karras": _multistep(2, bundled=True, **_KARRAS),
    "dpmpp_2m_lu": _multistep(2, use_lu_lambdas=True),
    "dpmpp_2m_sde": _multistep(2, "sde-dpmsolver++", bundled=True),
    "dpmpp_2m_sde_karras": _multistep(2, "sde-dpmsolver++", **_KARRAS),
    "dpmpp_3m": _multistep(3),
    "dpmpp_3m_sde": _multistep(3, "sde-dpmsolver++", bundled=True),
    "dpmpp_3m_sde_karras": _multistep(3, "sde-dpmsolver++", **_KARRAS),
    "dpmpp_2s": _singlestep(2),
    "dpmpp_2s_karras": _singlestep(2, **_KARRAS),
    "dpmpp_3s": _singlestep(3),
    "dpmpp_sde": SchedulerChoice("DPMSolverSDEScheduler", keeps_seeds=False),
    "dpmpp_sde_karras": SchedulerChoice("DPMSolverSDEScheduler", _KARRAS, keeps_seeds=False),
    "dpm_2m": _multistep(2, "dpmsolver", final_sigmas_type="sigma_min"),
    "dpm_3m": _multistep(3, "dpmsolver", final_sigmas_type="sigma_min"),
    "unipc": SchedulerChoice("UniPCMultistepScheduler", bundled=True),
    "unipc_karras": SchedulerChoice("UniPCMultistepScheduler", _KARRAS),
    "unipc_3": SchedulerChoice("UniPCMultistepScheduler", {"solver_order": 3}),
    "unipc_4": SchedulerChoice("UniPCMultistepScheduler", {"solver_order": 4}),
    "deis": SchedulerChoice("DEISMultistepScheduler", _DEIS, bundled=True),
    "deis_3": SchedulerChoice("DEISMultistepScheduler", {**_DEIS, "solver_order": 3}),
    "deis_karras": SchedulerChoice("DEISMultistepScheduler", {**_DEIS, **_KARRAS}),
    "ipndm": SchedulerChoice("IPNDMScheduler"),
    "sa_solver": SchedulerChoice("SASolverScheduler", {"algorithm_type": "data_prediction"}),
    "lcm": SchedulerChoice("LCMScheduler", bundled=True),
    "tcd": SchedulerChoice("TCDScheduler", step_options={"eta": 0.3}),
    "edm_euler": SchedulerChoice("EDMEulerScheduler"),
    "edm_dpmpp_2m": SchedulerChoice("EDMDPMSolverMultistepScheduler"),
    "cosine_dpmpp_2m_sde": SchedulerChoice("CosineDPMSolverMultistepScheduler", keeps_seeds=False),
    "flow_euler": SchedulerChoice("FlowMatchEulerDiscreteScheduler"),
    "flow_heun": SchedulerChoice("FlowMatchHeunDiscreteScheduler"),
    "flow_lcm": SchedulerChoice("FlowMatchLCMScheduler"),
}


def own_name(base_config: Mapping[str, Any]) -> str:
    """The name of the pipeline's own scheduler, as it is: the first that means just that, else `OWN_SCHEDULER`.

    A name that forces what the config has otherwise, or other options of the step, means another scheduler.
    """
    own: Any = load_own(base_config)
    options = own_step_options(own)
    alike = (name for name, choice in SCHEDULERS.items() if _is(own, choice) and choice.step_options == options)
    return next(alike, OWN_SCHEDULER)


def step_options(name: str, scheduler: SchedulerMixin) -> Mapping[str, object]:
    """Arguments of every `step` of ``scheduler``, which ``name`` stands for."""
    return own_step_options(scheduler) if name == OWN_SCHEDULER else SCHEDULERS[name].step_options


def bundled_names(base_config: Mapping[str, Any]) -> tuple[str, ...]:
    """The schedulers that every bundle brings, and the pipeline's own."""
    names = [name for name, choice in SCHEDULERS.items() if choice.bundled]
    return tuple(dict.fromkeys([*names, own_name(base_config)]))


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
    raise InputError(
        f"unknown scheduler {name!r}: choose from {OWN_SCHEDULER} (the source's own), {', '.join(SCHEDULERS)}, "
        "or a diffusers class of these"
    )


def resolved_name(name: str, base_config: Mapping[str, Any]) -> str:
    """What ``name`` is called in a bundle: its `short_name`; the pipeline's own scheduler has one if one means it.

    Raises:
        InputError: Unknown name.
    """
    return own_name(base_config) if name == OWN_SCHEDULER else short_name(name)


def scheduler_for(name: str, base_config: Mapping[str, Any]) -> SchedulerMixin:
    """The scheduler that ``name`` stands for, in a pipeline whose scheduler config is ``base_config``.

    Where the pipeline's own scheduler already is what the name asks for, it is that; otherwise what
    ``Class.from_config(pipe.scheduler.config, **overrides)`` gives on the loaded pipeline.

    Args:
        name: One of `SCHEDULERS`, a class of diffusers, or `OWN_SCHEDULER`.
        base_config: The source's `scheduler_config.json`, or a loaded pipeline's `scheduler.config`.

    Raises:
        InputError: Unknown name.
        SourceError: The config describes no scheduler of diffusers.
        ExportError: diffusers cannot make the one of the other.
    """
    own: Any = load_own(base_config)
    if name == OWN_SCHEDULER:
        return cast("SchedulerMixin", own)
    choice = SCHEDULERS[short_name(name)]
    if _is(own, choice):
        return cast("SchedulerMixin", own)
    chosen = getattr(diffusers, choice.class_name)
    try:
        with quiet():
            return cast("SchedulerMixin", chosen.from_config(own.config, **choice.overrides))
    # Whatever a constructor makes of another one's config.
    except Exception as error:
        raise ExportError(
            f"{choice.class_name} cannot be made of this pipeline's scheduler config: {one_line(error)}"
        ) from error


def _is(scheduler: Any, choice: SchedulerChoice) -> bool:
    """Whether a scheduler already is what is chosen, but for the options of its step."""
    if type(scheduler).__name__ != choice.class_name:
        return False
    return all(scheduler.config[key] == value for key, value in choice.overrides.items())
