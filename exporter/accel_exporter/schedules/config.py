"""`scheduler_config.json`: types and ranges of every value that a scheduler of diffusers may read.

diffusers checks nothing: a wrong value ends in a traceback, in memory that no machine has, or in another picture.
Keys that are not listed here are diffusers' affair: it ignores those that its class does not take.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from accel_runtime.errors import SourceError

SCHEDULER_CONFIG = "scheduler/scheduler_config.json"

# What anything was trained with, at most. Some classes need seconds for as many, and the square of it for more.
_LONGEST = 4_000

Count = Annotated[int, Meta(ge=0, le=_LONGEST)] | UnsetType
Steps = Annotated[int, Meta(ge=1, le=_LONGEST)]
Order = Annotated[int, Meta(ge=1, le=16)] | UnsetType
Flag = bool | UnsetType | None
Beta = Annotated[float, Meta(ge=0.0, lt=1.0)]
Number = Annotated[float, Meta(ge=-1e9, le=1e9)] | UnsetType | None
Spacing = Literal["linspace", "leading", "trailing"]
Prediction = Literal["epsilon", "sample", "original_sample", "v_prediction", "flow_prediction", "trigflow"]
Betas = Literal["linear", "scaled_linear", "squaredcos_cap_v2", "sigmoid", "exp", "laplace"]
Variance = Literal["fixed_small", "fixed_small_log", "fixed_large", "fixed_large_log", "learned", "learned_range"]
Algorithm = Literal[
    "dpmsolver",
    "dpmsolver++",
    "sde-dpmsolver",
    "sde-dpmsolver++",
    "deis",
    "data_prediction",
    "noise_prediction",
]


class SchedulerConfig(msgspec.Struct, frozen=True, kw_only=True, rename={"class_name": "_class_name"}):
    """What is known of the file's values; which of them a class reads is up to the class."""

    class_name: str

    num_train_timesteps: Steps | UnsetType = UNSET
    original_inference_steps: Steps | UnsetType = UNSET
    steps_offset: Count = UNSET
    timestep_spacing: Spacing | UnsetType = UNSET
    timestep_type: Literal["discrete", "continuous"] | UnsetType = UNSET
    timestep_scaling: Number = UNSET
    base_image_seq_len: Count = UNSET
    max_image_seq_len: Count = UNSET
    noise_sampler_seed: Annotated[int, Meta(ge=0, le=2**53)] | UnsetType | None = UNSET

    beta_start: Beta | UnsetType = UNSET
    beta_end: Beta | UnsetType = UNSET
    beta_schedule: Betas | UnsetType = UNSET
    trained_betas: Annotated[list[Beta], Meta(min_length=1, max_length=_LONGEST)] | UnsetType | None = UNSET
    rescale_betas_zero_snr: Flag = UNSET
    snr_shift_scale: Number = UNSET

    prediction_type: Prediction | UnsetType = UNSET
    variance_type: Variance | UnsetType | None = UNSET
    set_alpha_to_one: Flag = UNSET
    skip_prk_steps: Flag = UNSET
    predict_x0: Flag = UNSET
    clip_sample: Flag = UNSET
    clip_denoised: Flag = UNSET
    clip_sample_range: Number = UNSET
    thresholding: Flag = UNSET
    dynamic_thresholding_ratio: Number = UNSET
    sample_max_value: Number = UNSET

    algorithm_type: Algorithm | UnsetType = UNSET
    solver_type: Literal["midpoint", "heun", "logrho", "bh1", "bh2"] | UnsetType = UNSET
    solver_order: Order = UNSET
    predictor_order: Order = UNSET
    corrector_order: Order = UNSET
    solver_p: UnsetType | None = UNSET
    tau_func: UnsetType | None = UNSET
    disable_corrector: list[Annotated[int, Meta(ge=-_LONGEST, le=_LONGEST)]] | UnsetType | None = UNSET
    lower_order_final: Flag = UNSET
    euler_at_final: Flag = UNSET
    lambda_min_clipped: float | UnsetType = UNSET  # diffusers writes -Infinity

    use_karras_sigmas: Flag = UNSET
    use_exponential_sigmas: Flag = UNSET
    use_beta_sigmas: Flag = UNSET
    use_lu_lambdas: Flag = UNSET
    use_flow_sigmas: Flag = UNSET
    use_dynamic_shifting: Flag = UNSET
    invert_sigmas: Flag = UNSET
    stochastic_sampling: Flag = UNSET
    sigma_min: Number = UNSET
    sigma_max: Number = UNSET
    sigma_data: Number = UNSET
    sigma_schedule: Literal["karras", "exponential"] | UnsetType = UNSET
    final_sigmas_type: Literal["zero", "sigma_min"] | UnsetType | None = UNSET
    interpolation_type: Literal["linear", "log_linear"] | UnsetType = UNSET
    time_shift_type: Literal["exponential", "linear"] | UnsetType = UNSET
    flow_shift: Number = UNSET
    shift: Number = UNSET
    base_shift: Number = UNSET
    max_shift: Number = UNSET
    shift_terminal: Number = UNSET
    rho: Number = UNSET


def check_scheduler_config(config: Mapping[str, Any]) -> None:
    """Check the types and ranges of a scheduler's config.

    Raises:
        SourceError: Names the key, what it may be and what it is.
    """
    try:
        msgspec.convert(dict(config), SchedulerConfig)
    except msgspec.ValidationError as error:
        raise SourceError(f"{SCHEDULER_CONFIG}: {error}") from error
