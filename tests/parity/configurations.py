"""Every scheduler configuration that the parity report runs, as diffusers users write them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from accel_exporter.schedules import Spacing

STEPS: Final = (20, 50)
DISTILLED: Final = (4, 8)  # LCM and TCD are for few steps
SMALL: Final = (1, 2, 3, 5, 10)
# Align Your Steps, for Stable Diffusion 1.5 (arXiv:2404.14507).
AYS: Final = (999, 850, 736, 645, 545, 455, 343, 233, 124, 24)
SIGMAS: Final = (14.6, 9.0, 6.0, 4.0, 2.7, 1.8, 1.2, 0.7, 0.3, 0.0)


@dataclass(frozen=True)
class Configuration:
    """A scheduler as set up by a diffusers user.

    Attributes:
        label: Distinct.
        class_name: In diffusers.
        changes: Config values besides Stable Diffusion 1.5's.
        step_options: Further arguments of every step.
        steps: Step counts to run.
        custom: Timesteps or sigmas of one's own, instead of step counts.
    """

    label: str
    class_name: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    step_options: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple[int, ...] = STEPS
    custom: Spacing | None = None

    @property
    def spacings(self) -> tuple[Spacing, ...]:
        """What `set_timesteps` is given, run by run."""
        return (self.custom,) if self.custom else tuple(Spacing(count) for count in self.steps)


_V = {"prediction_type": "v_prediction"}
_SAMPLE = {"prediction_type": "sample"}
_ZERO_SNR = {**_V, "rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
_KARRAS = {"use_karras_sigmas": True}
_EXPONENTIAL = {"use_exponential_sigmas": True}
_BETA = {"use_beta_sigmas": True}
_FLOW = {"use_flow_sigmas": True, "prediction_type": "flow_prediction"}


def _ddim() -> list[Configuration]:
    name = "DDIMScheduler"
    return [
        Configuration("DDIM", name),
        Configuration("DDIM, few steps", name, steps=SMALL),
        Configuration("DDIM η = 1", name, step_options={"eta": 1.0}),
        Configuration("DDIM η = 0.5", name, step_options={"eta": 0.5}),
        Configuration("DDIM v-prediction", name, _V),
        Configuration("DDIM sample-prediction", name, _SAMPLE),
        Configuration("DDIM v-prediction, zero-SNR, trailing", name, _ZERO_SNR),
        Configuration("DDIM trailing", name, {"timestep_spacing": "trailing"}),
        Configuration("DDIM linspace", name, {"timestep_spacing": "linspace"}),
        Configuration("DDIM clip_sample", name, {"clip_sample": True}),
        Configuration("DDIM thresholding", name, {"thresholding": True}),
        Configuration("DDIM parallel", "DDIMParallelScheduler"),
        Configuration("DDIM inverse", "DDIMInverseScheduler"),
    ]


def _ddpm() -> list[Configuration]:
    name = "DDPMScheduler"
    kinds = ("fixed_small", "fixed_small_log", "fixed_large", "fixed_large_log")
    return [
        *(Configuration(f"DDPM {kind}", name, {"variance_type": kind}) for kind in kinds),
        Configuration("DDPM v-prediction", name, _V),
        Configuration("DDPM trailing", name, {"timestep_spacing": "trailing"}),
        Configuration("DDPM learned_range", name, {"variance_type": "learned_range"}),
        Configuration("DDPM clip_sample", name, {"clip_sample": True}),
        Configuration("DDPM parallel", "DDPMParallelScheduler"),
    ]


def _pndm() -> list[Configuration]:
    name = "PNDMScheduler"
    return [
        Configuration("PNDM (PLMS)", name),
        Configuration("PNDM (PLMS), few steps", name, steps=SMALL),
        Configuration("PNDM with Runge-Kutta", name, {"skip_prk_steps": False}),
        Configuration("PNDM v-prediction", name, _V),
        Configuration("PNDM trailing", name, {"timestep_spacing": "trailing"}),
        Configuration("IPNDM", "IPNDMScheduler"),
    ]


def _euler() -> list[Configuration]:
    name = "EulerDiscreteScheduler"
    return [
        Configuration("Euler", name),
        Configuration("Euler, few steps", name, steps=SMALL),
        Configuration("Euler Karras", name, _KARRAS),
        Configuration("Euler exponential", name, _EXPONENTIAL),
        Configuration("Euler beta", name, _BETA),
        Configuration("Euler linspace", name, {"timestep_spacing": "linspace"}),
        Configuration("Euler trailing", name, {"timestep_spacing": "trailing"}),
        Configuration("Euler v-prediction", name, _V),
        Configuration("Euler v-prediction, zero-SNR, trailing", name, _ZERO_SNR),
        Configuration("Euler final σ_min", name, {"final_sigmas_type": "sigma_min"}),
        Configuration("Euler own sigmas", name, custom=Spacing(len(SIGMAS) - 1, sigmas=SIGMAS)),
        Configuration("Euler Align Your Steps", name, custom=Spacing(len(AYS), timesteps=AYS)),
        Configuration("Euler ancestral", "EulerAncestralDiscreteScheduler"),
        Configuration("Euler ancestral v-prediction", "EulerAncestralDiscreteScheduler", _V),
        Configuration("Euler ancestral trailing", "EulerAncestralDiscreteScheduler", {"timestep_spacing": "trailing"}),
        Configuration("EDM Euler", "EDMEulerScheduler"),
        Configuration("EDM Euler exponential", "EDMEulerScheduler", {"sigma_schedule": "exponential"}),
    ]


def _second_order() -> list[Configuration]:
    heun, kdpm2, ancestral = "HeunDiscreteScheduler", "KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler"
    return [
        Configuration("Heun", heun),
        Configuration("Heun, few steps", heun, steps=SMALL),
        Configuration("Heun Karras", heun, _KARRAS),
        Configuration("Heun exponential", heun, _EXPONENTIAL),
        Configuration("Heun beta", heun, _BETA),
        Configuration("Heun v-prediction", heun, _V),
        Configuration("KDPM2", kdpm2),
        Configuration("KDPM2 Karras", kdpm2, _KARRAS),
        Configuration("KDPM2 v-prediction", kdpm2, _V),
        Configuration("KDPM2 ancestral", ancestral),
        Configuration("KDPM2 ancestral Karras", ancestral, _KARRAS),
        Configuration("DPM++ SDE", "DPMSolverSDEScheduler"),
        Configuration("DPM++ SDE Karras", "DPMSolverSDEScheduler", _KARRAS),
    ]


def _multistep() -> list[Configuration]:
    name = "DPMSolverMultistepScheduler"
    sde = {"algorithm_type": "sde-dpmsolver++"}
    return [
        Configuration("DPM++ 1", name, {"solver_order": 1}),
        Configuration("DPM++ 2M", name),
        Configuration("DPM++ 2M, few steps", name, steps=(*SMALL, 14, 15)),
        Configuration("DPM++ 2M Karras", name, _KARRAS),
        Configuration("DPM++ 2M exponential", name, _EXPONENTIAL),
        Configuration("DPM++ 2M beta", name, _BETA),
        Configuration("DPM++ 2M lu, Euler at the end", name, {"use_lu_lambdas": True, "euler_at_final": True}),
        Configuration("DPM++ 2M final σ_min", name, {"final_sigmas_type": "sigma_min"}),
        Configuration("DPM++ 2M Heun type", name, {"solver_type": "heun"}),
        Configuration("DPM++ 2M v-prediction", name, _V),
        Configuration("DPM++ 2M v-prediction, zero-SNR, trailing", name, _ZERO_SNR),
        Configuration("DPM++ 2M sample-prediction", name, _SAMPLE),
        Configuration("DPM++ 2M flow sigmas", name, _FLOW),
        Configuration("DPM++ 2M Align Your Steps", name, custom=Spacing(len(AYS), timesteps=AYS)),
        Configuration("DPM++ 2M thresholding", name, {"thresholding": True}),
        Configuration("DPM++ 3M", name, {"solver_order": 3}),
        Configuration("DPM++ 3M, few steps", name, {"solver_order": 3}, steps=(2, 3, 5, 10, 14, 15)),
        Configuration("DPM-Solver 2M", name, {"algorithm_type": "dpmsolver", "final_sigmas_type": "sigma_min"}),
        Configuration(
            "DPM-Solver 3M",
            name,
            {"algorithm_type": "dpmsolver", "final_sigmas_type": "sigma_min", "solver_order": 3},
        ),
        Configuration("DPM++ 2M SDE", name, sde),
        Configuration("DPM++ 2M SDE Karras", name, {**sde, **_KARRAS}),
        Configuration("DPM++ 2M SDE Heun type", name, {**sde, "solver_type": "heun"}),
        Configuration("DPM++ 3M SDE", name, {**sde, "solver_order": 3}),
        Configuration("DPM++ 3M SDE Karras", name, {**sde, **_KARRAS, "solver_order": 3}),
        Configuration("DPM-Solver 2M SDE", name, {"algorithm_type": "sde-dpmsolver", "final_sigmas_type": "sigma_min"}),
        Configuration("EDM DPM++ 2M", "EDMDPMSolverMultistepScheduler"),
        Configuration("Cosine DPM++ 2M SDE", "CosineDPMSolverMultistepScheduler"),
        Configuration("DPM++ 2M inverse", "DPMSolverMultistepInverseScheduler"),
    ]


def _singlestep() -> list[Configuration]:
    name = "DPMSolverSinglestepScheduler"
    return [
        Configuration("DPM++ 2S", name),
        Configuration("DPM++ 2S, few steps", name, steps=(2, 3, 5, 10)),
        Configuration("DPM++ 2S Karras", name, _KARRAS),
        Configuration("DPM++ 3S", name, {"solver_order": 3}),
        Configuration("DPM++ 2S v-prediction", name, _V),
    ]


def _unipc() -> list[Configuration]:
    name = "UniPCMultistepScheduler"
    return [
        Configuration("UniPC 2", name),
        Configuration("UniPC 2, few steps", name, steps=SMALL),
        Configuration("UniPC 2 Karras", name, _KARRAS),
        Configuration("UniPC 2 exponential", name, _EXPONENTIAL),
        Configuration("UniPC 2 beta", name, _BETA),
        Configuration("UniPC 2 predicting noise", name, {"predict_x0": False}),
        Configuration("UniPC 2, no corrector at first", name, {"disable_corrector": [0, 1, 2]}),
        Configuration("UniPC 2 v-prediction", name, _V),
        Configuration("UniPC 2 v-prediction, zero-SNR, trailing", name, _ZERO_SNR),
        Configuration("UniPC 2 flow sigmas", name, _FLOW),
        Configuration("UniPC 2 bh1", name, {"solver_type": "bh1"}),
        Configuration("UniPC 2 bh1 final σ_min", name, {"solver_type": "bh1", "final_sigmas_type": "sigma_min"}),
        Configuration("UniPC 3", name, {"solver_order": 3}),
        Configuration("UniPC 4", name, {"solver_order": 4}),
    ]


def _others() -> list[Configuration]:
    lms, deis = "LMSDiscreteScheduler", "DEISMultistepScheduler"
    return [
        Configuration("LMS", lms),
        Configuration("LMS Karras", lms, _KARRAS),
        Configuration("LMS v-prediction", lms, _V),
        Configuration("DEIS 2", deis),
        Configuration("DEIS 3", deis, {"solver_order": 3}),
        Configuration("DEIS 2 Karras", deis, _KARRAS),
        Configuration("SA-Solver", "SASolverScheduler"),
        Configuration("LCM", "LCMScheduler", steps=DISTILLED),
        Configuration("LCM own timesteps", "LCMScheduler", custom=Spacing(4, timesteps=(999, 759, 499, 259))),
        Configuration("TCD η = 0.3", "TCDScheduler", step_options={"eta": 0.3}, steps=DISTILLED),
        Configuration("UnCLIP", "UnCLIPScheduler", {"beta_schedule": "squaredcos_cap_v2"}),
        Configuration("Consistency model", "CMStochasticIterativeScheduler"),
        Configuration("Consistency model, not clipped", "CMStochasticIterativeScheduler", {"clip_denoised": False}),
        Configuration("Flow matching Euler", "FlowMatchEulerDiscreteScheduler", {"shift": 3.0}),
        Configuration(
            "Flow matching Euler, stochastic", "FlowMatchEulerDiscreteScheduler", {"stochastic_sampling": True}
        ),
        Configuration("Flow matching Heun", "FlowMatchHeunDiscreteScheduler"),
        Configuration("Flow matching LCM", "FlowMatchLCMScheduler", steps=DISTILLED),
        Configuration("CogVideoX DDIM", "CogVideoXDDIMScheduler"),
        Configuration("CogVideoX DPM", "CogVideoXDPMScheduler"),
    ]


CONFIGURATIONS: Final = (
    *_ddim(),
    *_ddpm(),
    *_pndm(),
    *_euler(),
    *_second_order(),
    *_multistep(),
    *_singlestep(),
    *_unipc(),
    *_others(),
)
