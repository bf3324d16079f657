"""Which configs are timed together, where, and on which bundle."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.solved import solved_plan

from accel_bench.doctor.devices import Device
from accel_bench.profiles import Config, load_profile
from accel_bench.profiles.schema import BackendChoice
from accel_bench.replay.groups import bundle_spec, choose_configs, group, meets_baseline
from accel_bench.replay.place import adapt, choose_place, fit, open_backend
from accel_runtime.errors import BackendError, InputError
from accel_runtime.plans.deep_calls import DeepCalls
from accel_runtime.plans.forecast import Forecast
from accel_runtime.plans.spec import PlanSpec
from accel_runtime.plans.tome import Tome

PROCESSOR = Device("cpu", "a processor", 1, "x86_64", {})


def config(deep: DeepCalls = "full", plan: dict[str, Any] | None = None, **changes: Any) -> Config:
    fields: dict[str, Any] = {
        "model": "sd15",
        "width": 512,
        "height": 512,
        "batch": 1,
        "dtype": "fp16",
        "guidance": 7.5,
        "plan": PlanSpec(**({"deep": deep, "scheduler": "ddim", "steps": 50} | (plan or {}))),
    }
    return Config(**(fields | changes))


def test_configs_that_differ_only_in_their_plans_are_one_group() -> None:
    configs = {
        "full": config(),
        "every3": config("every:3", {"branch": 1}),
        "batch4": config(batch=4),
        "every5": config("every:5", {"forecast": Forecast.LINEAR}),
    }

    first, second = group(configs, configs)

    assert first.names == {"full": "full", "every:3 k=1 hold": "every3", "every:5 k=0 linear": "every5"}
    assert second.names == {"full": "batch4"}


def test_one_bundle_serves_all_configs_of_a_model_and_precision() -> None:
    configs = {
        "full": config(),
        "fast": config("every:3", {"branch": 1, "scheduler": "euler", "steps": 30}, baseline="full"),
        "tiny": config(plan={"branch": 5}, model="tiny"),
    }

    wanted = bundle_spec(configs["full"], group(configs, configs), provider="inductor-cuda")

    assert (wanted.branches, wanted.schedulers, wanted.max_steps) == ((0, 1), ("ddim", "euler"), 50)
    assert wanted.inductor == "cuda"


def test_the_bundle_has_the_graphs_of_merged_tokens_and_gated_calls_that_some_config_runs() -> None:
    merging, gated = {"tome": Tome(ratio=0.5, calls={0: 0.3})}, {"tgate": 10}
    configs = {"full": config(), "few": config(plan=merging), "late": config(plan=gated)}

    plain, wanted = (
        bundle_spec(configs["full"], group(some, some), provider="cpu") for some in ({"full": configs["full"]}, configs)
    )

    assert (plain.tome, plain.tgate) == ((), False)
    assert (wanted.tome, wanted.tgate) == ((0.3, 0.5), True)


def test_a_config_is_timed_at_the_scheduler_and_steps_of_its_baseline() -> None:
    configs = {
        "full": config(),
        "fast": config("every:3", {"scheduler": "euler", "steps": 30}, baseline="full"),
        "few": config("full", {"steps": 20}, baseline="full"),
        "alone": config("every:3", {"steps": 30}),
    }

    first, second = group(configs, configs)

    assert first.names == {"full": "full", "every:3 k=0 hold euler 30 steps": "fast", "full 20 steps": "few"}
    assert (first.work.scheduler, first.work.steps) == ("ddim", 50)
    assert second.names == {"every:3 k=0 hold": "alone"}
    assert second.work.steps == 30


def test_a_config_alone_still_has_its_baseline_s_steps_and_a_bundle_for_both() -> None:
    fast = config("every:3", {"branch": 1, "scheduler": "euler", "steps": 30}, baseline="full")

    (only,) = group({"fast": fast}, {"full": config(), "fast": fast})
    wanted = bundle_spec(only.work, [only], provider="cpu")

    assert (only.work.scheduler, only.work.steps, only.work.plan.branch) == ("ddim", 50, 1)
    assert (wanted.branches, wanted.schedulers, wanted.max_steps) == ((1,), ("ddim", "euler"), 50)


def test_a_baseline_of_another_guidance_is_in_no_round_of_the_config() -> None:
    configs = {"full": config(), "bland": config("every:3", {"steps": 30}, guidance=3.0, baseline="full")}

    _, bland = group(configs, configs)

    assert (bland.work.steps, bland.work.guidance) == (30, 3.0)
    assert bland.names == {"every:3 k=0 hold": "bland"}
    assert not meets_baseline(configs["bland"], configs)


def test_a_config_s_own_weights_and_guided_calls_are_what_is_run() -> None:
    own: dict[str, Any] = {"branch": 1, "weights": {10: (1.1, -0.1), 2: (0.9,)}, "guided_calls": (0, 29)}
    configs = {"solved": config((0, 5), own)}

    (only,) = group(configs, configs)

    assert only.plans == {"solved": PlanSpec(deep=(0, 5), **own)}


def test_a_config_that_the_profile_lacks_is_refused_with_those_it_has() -> None:
    with pytest.raises(InputError, match=r"profile cpu has no config 'fast': it has tiny-ddim50-full, "):
        choose_configs(load_profile("cpu"), ["fast"])


def test_another_device_is_refused_unless_it_is_allowed() -> None:
    profile = load_profile("mi250")

    with pytest.raises(InputError, match=r"is for AMD Instinct MI250 .*this machine has a processor"):
        choose_place(profile, [PROCESSOR], device=None, allow_other=True)
    with pytest.raises(InputError, match="--allow-other-device"):
        choose_place(profile, [PROCESSOR], device="cpu", allow_other=False)
    with pytest.raises(InputError, match=r"profile h100 is for .*this machine has a processor"):
        choose_place(profile, [PROCESSOR], device="h100", allow_other=True)
    place = choose_place(profile, [PROCESSOR], device="cpu", allow_other=True)

    assert place.profile.name == "cpu"
    assert place.instead == ("on any processor instead of AMD Instinct MI250",)


def test_the_profile_s_own_device_runs_it_as_it_is() -> None:
    assert choose_place(load_profile("cpu"), [PROCESSOR], device=None, allow_other=False).instead == ()


def test_what_is_changed_to_run_elsewhere_is_told() -> None:
    changed, told = adapt(config(), model="tiny", on_host=True)
    fitted, resized = fit(changed, (64, 64), model="sd15")

    assert (changed.model, changed.dtype, fitted.width) == ("tiny", "fp32", 64)
    assert told == ("model tiny instead of sd15", "fp32 instead of fp16")
    assert resized == ("64×64 instead of 512×512",)


def test_nothing_is_changed_where_nothing_need_be() -> None:
    assert adapt(config(), model=None, on_host=False) == (config(), ())
    assert adapt(config(), model="sd15", on_host=False) == (config(), ())
    assert fit(config(), (64, 64), model="sd15") == (config(), ())


def test_the_first_backend_that_runs_is_taken() -> None:
    choices = (BackendChoice("cuda"), BackendChoice("cpu"), BackendChoice("openvino"))

    name, backend = open_backend(choices)

    assert name == "cpu"
    assert backend.describe().provider == "CPUExecutionProvider"


def test_where_no_backend_runs_each_says_why() -> None:
    with pytest.raises(BackendError, match=r"no backend of the profile runs here: cuda: .*; rocm: "):
        open_backend((BackendChoice("cuda"), BackendChoice("rocm")))


def test_a_profile_that_is_nowhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.toml"):
        load_profile(tmp_path / "none.toml")


def test_a_solved_plan_keeps_the_schedule_that_it_was_solved_for() -> None:
    spec = solved_plan((0, 4, 8))
    solved = msgspec.structs.replace(config(baseline="full"), plan=spec)
    configs = {"full": config(), "solved": solved}

    (found,) = group({"solved": solved}, configs)

    assert (found.work.steps, found.plans) == (50, {"solved": spec})
    assert list(found.names.values()) == ["solved"]
