"""Without `--scheduler` the pipeline's own scheduler runs as it is: our picture is diffusers', or there is one line."""

from typing import Any

import pytest
from tests.robustness.judge_scheduler import Verdict, judge
from tests.robustness.scheduler_cases import CLASSES, choices, config_of, paired_changes, parameters, single_changes

from accel_exporter.schedules import bundled_names, check_schedulers, compile_schedule, own_name, scheduler_for
from accel_exporter.schedules.config import SchedulerConfig
from accel_runtime.errors import AccelError, ExportError
from accel_runtime.schedules.file import OWN_SCHEDULER

STEPS = 5
# diffusers' own constructors of these take a second, so only the slow test tries all of their values.
SLOW_TO_MAKE = ("DPMSolverSDEScheduler", "KDPM2AncestralDiscreteScheduler", "KDPM2DiscreteScheduler")
QUICK = tuple(name for name in CLASSES if name not in SLOW_TO_MAKE)


def assert_law(class_name: str, changes: dict[str, object], *, steps: int = STEPS) -> Verdict:
    verdict = judge(config_of(class_name, **changes), steps)
    assert verdict.holds, (class_name, changes, steps, verdict)
    return verdict


@pytest.mark.parametrize("class_name", QUICK)
def test_every_value_of_every_key_draws_diffusers_picture_or_is_refused(class_name: str) -> None:
    for changes in single_changes(class_name):
        assert_law(class_name, changes)


@pytest.mark.slow
@pytest.mark.parametrize("class_name", CLASSES)
def test_so_does_every_pair_of_values(class_name: str) -> None:
    for changes in (*single_changes(class_name), *paired_changes(class_name)):
        assert_law(class_name, changes)


DRAWN: dict[str, tuple[str, dict[str, object], str]] = {
    "PNDM as old repositories have it": ("PNDMScheduler", {}, "pndm_prk"),
    "PNDM with Runge-Kutta": ("PNDMScheduler", {"skip_prk_steps": False}, "pndm_prk"),
    "PNDM as usual": ("PNDMScheduler", {"skip_prk_steps": True}, "pndm"),
    "DPM++ of the first order": ("DPMSolverMultistepScheduler", {"solver_order": 1}, "dpmpp_1"),
    "DPM++ of the third order": ("DPMSolverMultistepScheduler", {"solver_order": 3}, "dpmpp_3m"),
    "DPM++ SDE": ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}, "dpmpp_2m_sde"),
    "DPM-Solver": (
        "DPMSolverMultistepScheduler",
        {"algorithm_type": "dpmsolver", "final_sigmas_type": "sigma_min"},
        "dpm_2m",
    ),
    "DPM-Solver of the first order": (
        "DPMSolverMultistepScheduler",
        {"algorithm_type": "dpmsolver", "final_sigmas_type": "sigma_min", "solver_order": 1},
        OWN_SCHEDULER,
    ),
    "DDIM in parallel": ("DDIMParallelScheduler", {}, OWN_SCHEDULER),
    "DDPM in parallel": ("DDPMParallelScheduler", {}, OWN_SCHEDULER),
    "TCD, to which the pipeline gives its own eta": ("TCDScheduler", {}, OWN_SCHEDULER),
    "Euler with Karras' sigmas": ("EulerDiscreteScheduler", {"use_karras_sigmas": True}, "euler"),
}


@pytest.mark.parametrize("steps", [4, 11])
@pytest.mark.parametrize("case", DRAWN)
def test_what_was_another_picture_is_diffusers_picture(case: str, steps: int) -> None:
    class_name, changes, name = DRAWN[case]

    assert own_name(config_of(class_name, **changes)) == name
    assert name in bundled_names(config_of(class_name, **changes))
    assert assert_law(class_name, changes, steps=steps).error is not None


REFUSED: dict[str, tuple[str, dict[str, object], str]] = {
    "DDIM with thresholding": ("DDIMScheduler", {"thresholding": True}, "set thresholding to false"),
    "DPM++ with thresholding": ("DPMSolverMultistepScheduler", {"thresholding": True}, "set thresholding to false"),
    "DDIM in parallel with thresholding": (
        "DDIMParallelScheduler",
        {"thresholding": True},
        "set thresholding to false",
    ),
    "a variance that the model learned": ("DDPMScheduler", {"variance_type": "learned_range"}, "fixed_small"),
    "RePaint": ("RePaintScheduler", {}, "original_image"),
    "no step of that name": ("ScoreSdeVeScheduler", {}, "has no step"),
    "flow matching": ("FlowMatchEulerDiscreteScheduler", {}, "has no init_noise_sigma.*--schedulers"),
    "no scheduler at all": ("UNet2DConditionModel", {}, "no scheduler of diffusers is called"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_a_table_is_refused_with_what_to_change_and_never_swapped(case: str) -> None:
    class_name, changes, line = REFUSED[case]

    with pytest.raises(AccelError, match=line) as caught:
        check_schedulers(config_of(class_name, **changes), None, steps=100)
    assert "\n" not in str(caught.value)


def test_who_names_another_scheduler_gets_it_whatever_the_pipelines_own_is() -> None:
    config = config_of("DDIMScheduler", thresholding=True)

    check_schedulers(config, ["euler"], steps=100)
    with pytest.raises(ExportError, match="thresholding"):
        check_schedulers(config, ["euler", "ddim"], steps=100)


def test_a_name_means_what_it_says_beside_a_pipelines_own_scheduler_of_the_same_class() -> None:
    config = config_of("PNDMScheduler", skip_prk_steps=False)
    named: Any = scheduler_for("pndm", config)

    assert named.config["skip_prk_steps"] is True
    assert len(compile_schedule(named, "pndm", spacing=5).rows) == 6


def test_the_law_would_notice_a_scheduler_that_is_swapped() -> None:
    def swapped(class_name: str, changes: dict[str, object], name: str) -> float:
        import tests.robustness.judge_scheduler as judging

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(judging, "own_name", lambda _: name)
            error = judge(config_of(class_name, **changes), 11).error
        assert error is not None
        return error

    assert swapped("PNDMScheduler", {}, "pndm") > 1e-3
    assert swapped("TCDScheduler", {}, "tcd") > 1e-3
    assert swapped("DPMSolverMultistepScheduler", {"solver_order": 3}, "dpmpp_2m") > 1e-3


@pytest.mark.parametrize("class_name", QUICK)
def test_every_key_that_a_drawable_class_reads_is_checked(class_name: str) -> None:
    if judge(config_of(class_name, beta_schedule="squaredcos_cap_v2"), STEPS).error is not None:
        known = set(SchedulerConfig.__struct_fields__)
        assert parameters(class_name) - known <= {"s_noise"}
        assert choices(class_name) or class_name == "IPNDMScheduler"
