import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import msgspec
import numpy as np
import pytest
import torch
from tests.exporter.loops import diffusers_loop, relative_error, table_loop

from accel_exporter.schedules import (
    SCHEDULERS,
    Spacing,
    bundled_names,
    compile_all,
    compile_schedule,
    is_memoryless,
    scheduler_for,
    short_name,
)
from accel_exporter.schedules.fit import LinearRun, fit_rows
from accel_exporter.schedules.tables import why_diffusers_fails
from accel_runtime.errors import ExportError, InputError, SourceError
from accel_runtime.schedules.file import ScheduleFile, rest_of, write_schedules
from accel_runtime.schedules.schedule import ScheduleRow

STEPS = (1, 2, 3, 5, 10, 14, 15, 20, 50, 100)
FEW_STEPS = (3, 16)
SD15 = {
    "_class_name": "PNDMScheduler",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "skip_prk_steps": True,
    "set_alpha_to_one": False,
    "steps_offset": 1,
    "clip_sample": False,
    "trained_betas": None,
}
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "ddim v-prediction": ("ddim", {"prediction_type": "v_prediction"}),
    "ddim trailing zero-SNR": (
        "ddim",
        {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True, "timestep_spacing": "trailing"},
    ),
    "ddim sample-prediction": ("ddim", {"prediction_type": "sample"}),
    "ddim own betas": ("ddim", {"trained_betas": np.linspace(1e-4, 0.03, 1000).tolist()}),
    "pndm v-prediction": ("pndm", {"prediction_type": "v_prediction"}),
    "pndm cosine betas": ("pndm", {"beta_schedule": "squaredcos_cap_v2"}),
    "euler v-prediction": ("euler", {"prediction_type": "v_prediction"}),
    "euler Karras": ("euler", {"use_karras_sigmas": True}),
    "euler Karras v-prediction": ("euler", {"use_karras_sigmas": True, "prediction_type": "v_prediction"}),
    "euler linear betas": ("euler", {"beta_schedule": "linear", "beta_start": 1e-4, "beta_end": 0.02}),
    "dpmpp v-prediction": ("dpmpp_2m", {"prediction_type": "v_prediction"}),
    "dpmpp Karras": ("dpmpp_2m", {"use_karras_sigmas": True}),
    "dpmpp Karras v-prediction": ("dpmpp_2m", {"use_karras_sigmas": True, "prediction_type": "v_prediction"}),
    "dpmpp own betas": ("dpmpp_2m", {"trained_betas": np.linspace(1e-4, 0.03, 1000).tolist()}),
}


def made(class_name: str, config: dict[str, Any]) -> Any:
    """A scheduler as `from_pretrained` loads it."""
    return getattr(diffusers, class_name).from_config(config)


def pipeline_around(scheduler: Any) -> Any:
    """A loaded pipeline as far as its scheduler is concerned."""
    parts = ("vae", "text_encoder", "tokenizer", "unet", "safety_checker", "feature_extractor")
    pipeline_class: Any = diffusers.StableDiffusionPipeline
    return pipeline_class(**dict.fromkeys(parts), scheduler=scheduler, requires_safety_checker=False)


def values(scheduler: Any) -> dict[str, Any]:
    return {key: value for key, value in scheduler.config.items() if not key.startswith("_")}


# diffusers gives them no add_noise.
CANNOT_START_IN_THE_MIDDLE = ("ipndm",)
TRAVELLING = bundled_names(SD15)
CASES = [(name, steps) for name in SCHEDULERS for steps in (STEPS if name in TRAVELLING else FEW_STEPS)]


@pytest.mark.parametrize(("name", "steps"), CASES)
def test_a_table_run_in_numpy_equals_the_diffusers_loop(name: str, steps: int) -> None:
    scheduler, options = scheduler_for(name, SD15), SCHEDULERS[name].step_options
    if why := why_diffusers_fails(scheduler, steps):
        pytest.skip(f"diffusers: {why}")

    table = compile_schedule(scheduler, name, spacing=steps, step_options=options)

    expected = diffusers_loop(scheduler, Spacing(steps), step_options=options)
    assert relative_error(table_loop(table), expected) <= 1e-5


BROKEN: dict[str, Callable[[ScheduleRow], dict[str, Any]]] = {
    "a weight of the latents": lambda row: {"a": (row.a[0] * 1.001, *row.a[1:])},
    "a weight of the model outputs": lambda row: {"b": (row.b[0] * 1.001, *row.b[1:])},
    "the weight of the noise": lambda row: {"c": row.c * 1.001},
    "a draw": lambda row: {"draws": row.draws - 1},
    "the scale of the input": lambda row: {"input_scale": row.input_scale * 1.001},
    "the timestep": lambda row: {"timestep": row.timestep + 1},
}


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("name", ["euler_a", "dpmpp_2m_sde"])
def test_one_broken_number_of_a_table_is_noticed(name: str, broken: str) -> None:
    scheduler = scheduler_for(name, SD15)
    table = compile_schedule(scheduler, name, spacing=8)
    rows = list(table.rows)
    rows[3] = msgspec.structs.replace(rows[3], **BROKEN[broken](rows[3]))

    found = table_loop(msgspec.structs.replace(table, rows=tuple(rows)))

    assert relative_error(found, diffusers_loop(scheduler, Spacing(8))) > 1e-5


@pytest.mark.parametrize("begin", [2, 8, 14])
@pytest.mark.parametrize("name", [name for name in SCHEDULERS if name not in CANNOT_START_IN_THE_MIDDLE])
def test_a_table_that_starts_in_the_middle_equals_the_image_to_image_loop(name: str, begin: int) -> None:
    scheduler, options = scheduler_for(name, SD15), SCHEDULERS[name].step_options

    table = compile_schedule(scheduler, name, spacing=16, begin=begin, step_options=options)

    expected = diffusers_loop(scheduler, Spacing(16), begin=begin, step_options=options)
    assert relative_error(table_loop(table), expected) <= 1e-5


@pytest.mark.parametrize("name", ["ddim", "euler_a", "heun", "lcm"])
def test_the_rest_of_a_memoryless_schedulers_table_is_its_table_from_there(name: str) -> None:
    scheduler: Any = scheduler_for(name, SD15)
    whole = compile_schedule(scheduler, name, spacing=13)

    for begin in range(scheduler.order, 13, 2 * scheduler.order):
        started = compile_schedule(scheduler, name, spacing=13, begin=begin)
        assert relative_error(table_loop(rest_of(whole, begin)), table_loop(started)) <= 1e-6


@pytest.mark.parametrize("name", ["pndm", "lms", "dpmpp_2m", "dpmpp_3m_sde", "unipc", "deis", "ipndm"])
def test_a_multistep_scheduler_warms_up_anew_so_its_table_cannot_be_cut(name: str) -> None:
    assert not is_memoryless(scheduler_for(name, SD15))


SPACINGS: dict[str, tuple[str, Spacing]] = {
    "euler, sigmas of one's own": ("euler", Spacing(5, sigmas=(14.6, 6.0, 2.5, 1.0, 0.3, 0.0))),
    "DPM++ 2M, Align Your Steps": ("dpmpp_2m", Spacing(5, timesteps=(999, 850, 650, 400, 130))),
    "LCM, timesteps of one's own": ("lcm", Spacing(4, timesteps=(999, 759, 499, 259))),
}


@pytest.mark.parametrize("case", SPACINGS)
def test_steps_of_ones_own_choice_are_compiled_as_well(case: str) -> None:
    name, spacing = SPACINGS[case]
    scheduler = scheduler_for(name, SD15)

    table = compile_schedule(scheduler, name, spacing=spacing)

    assert table.steps == len(table.rows)
    assert relative_error(table_loop(table), diffusers_loop(scheduler, spacing)) <= 1e-5


@pytest.mark.parametrize("steps", [2, 14, 25])
@pytest.mark.parametrize("variant", VARIANTS)
def test_other_predictions_sigmas_and_betas_need_no_special_case(variant: str, steps: int) -> None:
    name, changes = VARIANTS[variant]
    scheduler = scheduler_for(name, {**SD15, "_class_name": SCHEDULERS[name].class_name, **changes})

    table = compile_schedule(scheduler, name, spacing=steps)

    assert all(values(scheduler)[key] == value for key, value in changes.items())
    assert relative_error(table_loop(table), diffusers_loop(scheduler, Spacing(steps))) <= 1e-5


def test_noise_that_a_scheduler_draws_and_does_not_use_is_still_drawn() -> None:
    scheduler = made("EulerAncestralDiscreteScheduler", SD15)

    table = compile_schedule(scheduler, "euler_a", spacing=12)

    assert [row.draws for row in table.rows] == [1] * 12
    assert table.rows[-1].c == 0.0
    assert relative_error(table_loop(table), diffusers_loop(scheduler, Spacing(12))) <= 1e-5


@pytest.mark.parametrize(
    ("name", "histories"), [("ddim", (1, 1)), ("pndm", (1, 5)), ("euler", (1, 1)), ("dpmpp_2m", (2, 2))]
)
def test_the_recurrence_is_as_short_as_the_method_allows(name: str, histories: tuple[int, int]) -> None:
    table = compile_schedule(scheduler_for(name, SD15), name, spacing=30)

    assert {(len(row.a), len(row.b)) for row in table.rows} == {histories}


@pytest.mark.parametrize(("steps", "calls"), [(1, 1), (2, 3), (20, 21)])
def test_plms_has_a_row_per_unet_call(steps: int, calls: int) -> None:
    assert len(compile_schedule(scheduler_for("pndm", SD15), "pndm", spacing=steps).rows) == calls


@pytest.mark.parametrize("name", TRAVELLING)
def test_every_call_but_the_first_may_reuse_features(name: str) -> None:
    rows = compile_schedule(scheduler_for(name, SD15), name, spacing=6).rows

    assert [row.shallow_ok for row in rows] == [False, *[True] * (len(rows) - 1)]


@pytest.mark.parametrize("begin", [0, 8])
@pytest.mark.parametrize("name", TRAVELLING)
def test_the_add_noise_weights_are_those_of_diffusers(name: str, begin: int) -> None:
    scheduler: Any = scheduler_for(name, SD15)

    whole, started = (compile_schedule(scheduler, name, spacing=20, begin=each) for each in (0, begin))

    scheduler.set_timesteps(20)
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(begin)
    image, noise = torch.full((1, 4, 2, 2), 3.0), torch.full((1, 4, 2, 2), 5.0)
    expected = scheduler.add_noise(image, noise, scheduler.timesteps[begin : begin + 1]).numpy().flat[0]
    for weights in (whole.rows[begin].add_noise, started.rows[0].add_noise):
        assert weights is not None
        np.testing.assert_allclose(3 * weights[0] + 5 * weights[1], expected, rtol=1e-6)


def test_the_scheduler_and_its_module_are_left_as_they_were() -> None:
    scheduler: Any = scheduler_for("euler", SD15)
    module = sys.modules[type(scheduler).__module__]
    before = {**vars(scheduler)}

    compile_schedule(scheduler, "euler", spacing=4)
    with pytest.raises(ExportError):
        compile_schedule(made("DDIMScheduler", {"clip_sample": True}), "ddim", spacing=4)

    assert vars(scheduler).keys() == before.keys()
    assert scheduler.num_inference_steps is None
    assert module.torch is torch
    assert sys.modules["diffusers.schedulers.scheduling_ddim"].torch is torch


@pytest.mark.parametrize("option", ["clip_sample", "thresholding"])
def test_a_scheduler_that_clips_is_refused_with_what_to_change(option: str) -> None:
    scheduler = made("DDIMScheduler", {**SD15, "clip_sample": False, option: True})

    with pytest.raises(ExportError, match=f"not linear.*set {option} to false"):
        compile_schedule(scheduler, "ddim", spacing=10)


def test_a_scheduler_that_takes_its_variance_from_the_model_is_refused_with_what_to_change() -> None:
    scheduler = made("DDPMScheduler", {**SD15, "variance_type": "learned_range"})

    with pytest.raises(ExportError, match=r"variance_type.*fixed_small"):
        compile_schedule(scheduler, "ddpm", spacing=10)


def test_a_class_name_of_diffusers_is_the_short_name_that_stands_for_it() -> None:
    assert short_name("HeunDiscreteScheduler") == "heun"
    assert type(scheduler_for("HeunDiscreteScheduler", SD15)) is diffusers.HeunDiscreteScheduler


def test_a_pipelines_own_scheduler_travels_even_where_few_use_it() -> None:
    assert "ddpm" in bundled_names({"_class_name": "DDPMScheduler"})
    assert "ddpm" not in bundled_names(SD15)


OLD_FILES: dict[str, dict[str, Any]] = {
    "today's": SD15,
    "PNDM, most keys missing": {"_class_name": "PNDMScheduler", "skip_prk_steps": True},
    "PNDM, all written": {**SD15, "steps_offset": 0, "clip_sample": True},
    "PNDM with Runge-Kutta": {**SD15, "skip_prk_steps": False},
    "DDIM, most keys missing": {"_class_name": "DDIMScheduler", "beta_end": 0.012},
    "DDIM, all written": {"_class_name": "DDIMScheduler", "steps_offset": 0, "clip_sample": True},
    "Euler, all written": {"_class_name": "EulerDiscreteScheduler", "steps_offset": 0},
    "DPM++ SDE": {"_class_name": "DPMSolverMultistepScheduler", "algorithm_type": "sde-dpmsolver++"},
}


@pytest.mark.parametrize("file", OLD_FILES.values(), ids=OLD_FILES)
@pytest.mark.parametrize("name", TRAVELLING)
def test_a_name_means_what_a_loaded_pipeline_gives_a_diffusers_user(name: str, file: dict[str, Any]) -> None:
    pipe = pipeline_around(made(file["_class_name"], file))
    wanted = SCHEDULERS[name]
    is_own = file["_class_name"] == wanted.class_name
    if is_own and all(pipe.scheduler.config[key] == value for key, value in wanted.overrides.items()):
        expected = pipe.scheduler
    else:
        expected = getattr(diffusers, wanted.class_name).from_config(pipe.scheduler.config, **wanted.overrides)

    for config in (file, pipe.scheduler.config):
        chosen = scheduler_for(name, config)

        assert type(chosen) is type(expected)
        assert values(chosen) == values(expected)


def test_an_offset_missing_from_the_file_is_corrected_in_the_own_scheduler_only() -> None:
    file = OLD_FILES["PNDM, most keys missing"]

    offsets = {name: values(scheduler_for(name, file))["steps_offset"] for name in ("pndm", "ddim")}

    assert offsets == {"pndm": 1, "ddim": 0}


def test_an_unknown_name_or_class_is_an_error_that_names_it() -> None:
    with pytest.raises(InputError, match=r"eulr.*ddim"):
        scheduler_for("eulr", SD15)
    with pytest.raises(SourceError, match=r"_class_name.*NoScheduler"):
        scheduler_for("ddim", {**SD15, "_class_name": "NoScheduler"})


def test_all_tables_of_a_pipeline_survive_their_file(tmp_path: Path) -> None:
    for compiled in compile_all(SD15, steps=[1, 2, 7]):
        path = tmp_path / f"{compiled.name}.safetensors"
        write_schedules(path, compiled.tables, metadata=compiled.metadata)

        file = ScheduleFile.open(path)
        assert [table.steps for table in compiled.tables] == [
            steps for steps in (1, 2, 7) if steps not in compiled.skipped
        ]
        assert [file.table(table.steps) for table in compiled.tables] == list(compiled.tables)


def test_step_counts_that_diffusers_itself_cannot_run_are_listed_with_the_reason() -> None:
    config = {**SD15, "_class_name": "DDIMScheduler", "num_train_timesteps": 8}

    (compiled,) = compile_all(config, names=["ddim"], steps=[4, 9])

    assert [table.steps for table in compiled.tables] == [4]
    assert list(compiled.skipped) == [9]
    assert "cannot be larger" in compiled.skipped[9]


def test_the_fit_finds_a_recurrence_hidden_in_a_run() -> None:
    # x_{k+1} = 0.5 x_k - 0.25 x_{k-1} + 2 e_k + 3 e_{k-1} + 4 z_k
    calls, size = 6, 13
    basis = np.eye(size)
    x = [basis[0]]
    for k in range(calls):
        older = -0.25 * x[k - 1] + 3 * basis[k] if k else 0.0
        x.append(0.5 * x[k] + older + 2 * basis[1 + k] + 4 * basis[1 + calls + k])

    rows = fit_rows(LinearRun(np.array(x), range(1, 1 + calls), range(1 + calls, size)))

    np.testing.assert_allclose(rows[-1].a, (0.5, -0.25), atol=1e-12)
    np.testing.assert_allclose(rows[-1].b, (2, 3), atol=1e-12)
    assert rows[-1].c == pytest.approx(4, abs=1e-12)
    assert rows[0].a[1] == rows[0].b[1] == 0.0


def test_the_fit_refuses_a_run_that_no_short_recurrence_makes() -> None:
    x = np.random.default_rng(0).standard_normal((40, 79))

    with pytest.raises(ExportError, match="no recurrence"):
        fit_rows(LinearRun(x, range(1, 40), range(40, 79)))
