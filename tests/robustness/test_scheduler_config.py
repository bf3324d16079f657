"""`scheduler_config.json` by others: whatever is in it, one line, or the picture that diffusers draws with it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.exporter.pipelines import write_tiny_pipeline
from tests.robustness.judge_scheduler import judge
from tests.robustness.scheduler_cases import STABLE_DIFFUSION, choices, config_of

from accel_exporter.schedules.config import SchedulerConfig, check_scheduler_config
from accel_exporter.sources import open_folder
from accel_exporter.sources.local import read_scheduler_config
from accel_runtime.errors import AccelError, SourceError

CLASSES = (
    "DDIMScheduler",
    "DDPMScheduler",
    "DPMSolverMultistepScheduler",
    "EulerAncestralDiscreteScheduler",
    "EulerDiscreteScheduler",
    "LCMScheduler",
    "PNDMScheduler",
    "TCDScheduler",
    "UniPCMultistepScheduler",
)
KEYS = sorted(set(SchedulerConfig.__struct_fields__) - {"class_name"})
NUMBERS = (0, 1, -1, 2, 5, 7, 40, 999, 1001, 10**12, 10**30, 0.0, 0.5, 0.012, 1.0, -0.3, 1e308, float("inf"))
WORDS = ("x", "", "linear", "trailing", "v_prediction")
OTHERS: tuple[object, ...] = (None, True, False, *WORDS, [], [0.1], [[1]], [0.001] * 40, {}, {"a": 1})
anything = st.sampled_from(NUMBERS) | st.sampled_from(OTHERS) | st.just(float("nan"))
# Most of what is merely unusual is accepted, and then must draw what diffusers draws.
counted = {**choices("DPMSolverMultistepScheduler"), **choices("UniPCMultistepScheduler")}
unusual = st.one_of(
    *(st.fixed_dictionaries({key: st.sampled_from(kept)}) for key, kept in counted.items()),
    st.fixed_dictionaries(
        {},
        optional={
            "num_train_timesteps": st.integers(1, 60),
            "steps_offset": st.integers(0, 60),
            "beta_start": st.floats(0.0, 0.1),
            "beta_end": st.floats(0.0, 0.9),
            "trained_betas": st.lists(st.floats(0.0, 0.5), min_size=1, max_size=8),
            "sigma_max": st.floats(0.0, 100.0),
            "timestep_scaling": st.floats(-1.0, 20.0),
        },
    ),
)
wrong = st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), anything, min_size=1, max_size=2)
changes = st.tuples(unusual, unusual, wrong | st.just({})).map(lambda parts: {**parts[0], **parts[1], **parts[2]})


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    class_name=st.sampled_from(CLASSES),
    changes=changes,
    steps=st.sampled_from((1, 2, 5)),
)
def test_a_changed_config_is_refused_in_a_line_or_draws_diffusers_picture(
    class_name: str, changes: dict[str, object], steps: int
) -> None:
    verdict = judge(config_of(class_name, **changes), steps)

    assert verdict.holds, verdict


WRONG: dict[str, tuple[object, str]] = {
    "no timesteps": (0, "num_train_timesteps"),
    "fewer than none": (-5, "num_train_timesteps"),
    "more than memory holds": (10**12, "num_train_timesteps"),
    "timesteps in words": ("x", "num_train_timesteps"),
    "a beta in words": ("x", "beta_start"),
    "a beta beyond 1": (1e308, "beta_start"),
    "a beta that is none": (float("nan"), "beta_end"),
    "betas of no known kind": ("nope", "beta_schedule"),
    "betas in words": ("x", "trained_betas"),
    "betas in a list too many": ([[1]], "trained_betas"),
    "an offset beyond all numbers": (10**30, "steps_offset"),
    "a spacing that is a number": (7, "timestep_spacing"),
    "a prediction of no known kind": ("noise", "prediction_type"),
    "a solver of no order": (0, "solver_order"),
    "a flag in words": ("false", "use_karras_sigmas"),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("class_name", ["PNDMScheduler", "DPMSolverMultistepScheduler"])
def test_a_wrong_value_is_refused_with_its_key_and_what_is_expected(case: str, class_name: str) -> None:
    value, key = WRONG[case]

    with pytest.raises(SourceError, match=rf"^scheduler/scheduler_config\.json: .*{key}"):
        check_scheduler_config(config_of(class_name, **{key: value}))


def test_what_diffusers_writes_and_what_it_ignores_is_accepted(tmp_path: Path) -> None:
    import diffusers

    for name in CLASSES:
        getattr(diffusers, name)().save_pretrained(tmp_path / "scheduler")
        index = {"_class_name": "StableDiffusionPipeline", "scheduler": ["diffusers", name]}
        config = read_scheduler_config(tmp_path, index)
        check_scheduler_config({**config, "made_by": "somebody", "lambda_min_clipped": float("-inf")})


@pytest.mark.parametrize("own", ["PNDMScheduler", None], ids=["another class", "no class"])
def test_the_index_of_the_pipeline_says_the_class_as_in_diffusers(tmp_path: Path, own: str | None) -> None:
    from diffusers import StableDiffusionPipeline

    write_tiny_pipeline(tmp_path)
    change(tmp_path / "model_index.json", scheduler=["diffusers", "DDIMScheduler"])
    change(tmp_path / "scheduler/scheduler_config.json", _class_name=own)

    maker: Any = StableDiffusionPipeline
    expected = maker.from_pretrained(tmp_path, safety_checker=None, requires_safety_checker=False).scheduler
    found = open_folder(tmp_path, variant=None).scheduler_config

    assert found["_class_name"] == type(expected).__name__ == "DDIMScheduler"
    assert {key: found[key] for key in STABLE_DIFFUSION if key in found} == {
        key: expected.config[key] for key in STABLE_DIFFUSION if key in found
    }


def test_a_scheduler_of_another_library_is_refused_and_not_imported(tmp_path: Path) -> None:
    write_tiny_pipeline(tmp_path)
    change(tmp_path / "model_index.json", scheduler=["os", "system"])

    with pytest.raises(SourceError, match="'scheduler' is of 'os', but only classes of diffusers are run"):
        open_folder(tmp_path, variant=None)


@pytest.mark.parametrize("text", ["[" * 100_000, "[1]", "{", '{"num_train_timesteps": ' + "9" * 5000 + "}"])
def test_a_bundles_scheduler_config_that_is_none_gives_one_line(bundle_folder: Path, tmp_path: Path, text: str) -> None:
    from accel_exporter.schedules import compile_for
    from accel_runtime import Bundle
    from accel_runtime.manifest import read_manifest

    (tmp_path / "scheduler").mkdir()
    (tmp_path / "scheduler/scheduler_config.json").write_text(text)

    with pytest.raises(AccelError, match=re.escape("scheduler/scheduler_config.json")) as caught:
        compile_for(Bundle(tmp_path, read_manifest(bundle_folder), digest=""), "ddim", steps=[2])
    assert "\n" not in str(caught.value)


def change(path: Path, **changes: object) -> None:
    """Change keys of a JSON object; None takes one out."""
    document = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({key: value for key, value in document.items() if value is not None}))
