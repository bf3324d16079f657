"""Gated calls: our image is that of the pipeline which the `tgate` package runs."""

from functools import cache
from pathlib import Path
from typing import Any

import diffusers
import msgspec
import pytest
from tests.bundles import gating_bundle, kept_source, merging_bundle
from tests.command import accel, assert_refused
from tests.exporter.pipelines import load_in_diffusers
from tests.integration.both import seeds
from tests.own_memory import OwnMemory
from tgate import TgateSDDeepCacheLoader, TgateSDLoader
from tgate.tgate_utils import register_forward

from accel_bench.plans.prepare import Settings, prepare
from accel_bench.records.bundle import bundle_facts
from accel_exporter.check import relative_error
from accel_exporter.schedules import SCHEDULERS
from accel_runtime import InputError, Pipeline, PlanSpec, Request, open_bundle
from accel_runtime.manifest import Role, read_manifest
from accel_runtime.plans.file import read_plan
from accel_runtime.plans.plan import Deep, Pass, Plan, Shallow

STEPS, GATE = 10, 4
HEIGHT, WIDTH = 16, 24
REQUEST = Request(("a cat", "a red dog"), ("nothing", ""), seed=3, height=HEIGHT, width=WIDTH)
GUIDANCE = 5.0
# What T-GATE of the first version is in the package's words: self-attentions always run.
CLASSIC = {"sp_interval": 1, "fi_interval": 1}


@cache
def ours() -> Pipeline:
    return open_bundle(gating_bundle())


def theirs(scheduler: str) -> Any:
    """A pipeline of its own: the package's patches stay."""
    pipe, choice = load_in_diffusers(kept_source()), SCHEDULERS[scheduler]
    kind = getattr(diffusers, choice.class_name)
    pipe.scheduler = kind.from_config(pipe.scheduler.config, **choice.overrides)
    return pipe


def spec(tgate: int, deep: Any = "full", **more: Any) -> PlanSpec:
    return PlanSpec(**({"deep": deep, "scheduler": "ddim", "steps": STEPS, "tgate": tgate} | more))


def drawn(plan: PlanSpec, pipeline: Pipeline | None = None, *, guidance: float = GUIDANCE) -> Any:
    pipeline = pipeline or ours()
    return pipeline.generate(REQUEST, pipeline.compile(plan, guidance=guidance)).latents


def options(guidance: float) -> dict[str, Any]:
    return {
        "prompt": list(REQUEST.prompts),
        "negative_prompt": list(REQUEST.negatives),
        "height": HEIGHT,
        "width": WIDTH,
        "num_inference_steps": STEPS,
        "guidance_scale": guidance,
        "generator": seeds(2),
        "output_type": "latent",
    }


@pytest.mark.parametrize("gate", [1, 4, 8])
@pytest.mark.parametrize("scheduler", ["ddim", "dpmpp_2m"])
def test_a_gated_plan_draws_what_the_tgate_package_draws(scheduler: str, gate: int) -> None:
    pipe = TgateSDLoader(theirs(scheduler))

    expected = pipe.tgate(gate_step=gate, **CLASSIC, **options(GUIDANCE)).images.numpy()

    assert relative_error(drawn(spec(gate, scheduler=scheduler)), expected) <= 1e-5
    # Neither an open plan nor one whose late calls are only unguided does.
    plain = PlanSpec(deep="full", scheduler=scheduler, steps=STEPS, guided_calls=(0, gate - 1))
    assert relative_error(drawn(plain), expected) > 1e-4


def test_with_its_deep_calls_a_plan_draws_what_the_package_draws_beside_deepcache() -> None:
    pipe = TgateSDDeepCacheLoader(theirs("ddim"), cache_interval=3, cache_branch_id=0)

    expected = pipe.tgate(gate_step=GATE, **CLASSIC, **options(GUIDANCE)).images.numpy()

    # Its cache is emptied at the keeping call and at the gate.
    deep = (0, GATE - 1, GATE, GATE + 3)
    assert relative_error(drawn(spec(GATE, deep)), expected) <= 1e-5


def test_where_nothing_is_guided_what_the_prompt_gives_is_kept_as_it_is() -> None:
    pipe = theirs("ddim")

    def tell(call: int) -> None:
        cross = {"cache": call == GATE - 1, "reuse": call >= GATE}
        alone = {"cache": False, "reuse": False}
        register_forward(pipe.unet, "Attention", keep_shape=True, ca_kward=cross, sa_kward=alone)

    def after(_: Any, step: int, __: Any, given: dict[str, Any]) -> dict[str, Any]:
        tell(step + 1)
        return given

    tell(0)
    expected = pipe(callback_on_step_end=after, **options(1.0)).images.numpy()

    assert relative_error(drawn(spec(GATE), guidance=1.0), expected) <= 1e-5


def test_the_last_deep_call_before_the_gate_keeps_and_shallow_calls_are_gated_too() -> None:
    plan = ours().compile(spec(5, "every:3"), guidance=GUIDANCE)

    assert [call.gate for call in plan.calls] == ["open"] * 3 + ["keeps", "open"] + ["gated"] * 5
    assert [call.guided for call in plan.calls] == [True] * 5 + [False] * 5
    passes = {Pass(), Pass(0), Pass(gate="keeps"), Pass(gate="gated"), Pass(0, gate="gated")}
    assert plan.passes == passes
    assert relative_error(drawn(spec(5, "every:3")), drawn(spec(4, "every:3"))) > 1e-4


def test_a_picture_is_the_same_row_by_row_on_the_device_s_loop_and_in_another_form() -> None:
    plan = spec(GATE, "every:2")
    expected = drawn(plan, open_bundle(gating_bundle(), form="plain"))

    for pipeline in (
        Pipeline(ours().bundle, ours().backend, low_memory=True),
        open_bundle(gating_bundle(), OwnMemory()),
        open_bundle(gating_bundle(), form="attention"),
    ):
        assert relative_error(drawn(plan, pipeline), expected) <= 1e-5


def test_a_second_picture_is_not_drawn_with_what_the_first_one_kept() -> None:
    plan = ours().compile(spec(GATE), guidance=GUIDANCE)
    fresh = open_bundle(gating_bundle())
    second = Request(("a green house",), seed=8, height=HEIGHT, width=WIDTH)
    first = Request(("a cat",), seed=3, height=HEIGHT, width=WIDTH)
    ours().generate(first, plan)

    assert relative_error(ours().generate(second, plan).latents, fresh.generate(second, plan).latents) == 0


def test_the_manifest_lists_graphs_of_gated_calls_over_the_same_weights() -> None:
    manifest = read_manifest(gating_bundle())
    facts = bundle_facts(ours().bundle)

    assert manifest.denoiser.graph(None, gate="keeps") == "unet_deep_keeps"
    assert manifest.roles["unet_shallow_0_gated"] == Role("shallow", 0, gate="gated")
    assert facts.graphs[facts.graph_of(Role("deep", gate="gated"))].flops < facts.deep.flops
    weights = {path for path in manifest.files if path.startswith("unet/") and path.endswith(".data")}
    assert weights == {"unet/weights.data"}


def test_a_plan_is_timed_with_the_graphs_that_it_runs() -> None:
    settings = Settings(STEPS, "ddim", guidance=7.5, batch=1)
    baseline, gated = prepare(ours(), [spec(GATE)], settings=settings)

    assert not gated.facts.is_full
    assert gated.facts.roles == {Role("deep"), Role("deep", gate="keeps"), Role("deep", gate="gated")}
    assert gated.warm_up.passes == gated.plan.passes
    assert baseline.facts.roles == {Role("deep")}


def test_the_command_writes_such_a_plan_and_draws_by_it(tmp_path: Path) -> None:
    bundle, given = gating_bundle(), ("--steps", "6", "--scheduler", "ddim")
    done = accel("plan", bundle, "--plan", "every:2", "--tgate", "3", *given, "-o", "plan.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    written = read_plan(tmp_path / "plan.json")

    assert (written.version, written.tgate, written.guided_calls) == (5, 3, None)
    done = accel("generate", bundle, "a cat", "--plan", "plan.json", "-o", "cat.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert b"tgate 3" in (tmp_path / "cat.png").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--tgate", "6"), "tgate: call 6 is outside 0…5"),
        (("--tgate", "0"), "tgate '0': expected the number of the first gated call, from 1 on, or none"),
        (("--tgate", "3", "--tome", "0.5"), "tgate: expected no tome beside it"),
        (("--tgate", "3", "--plan", "rule:noise:0.3:4"), "tgate: expected no rule beside it"),
        (("--tgate", "3", "--guided-calls", "0-3"), "tgate: expected guided calls before 3 alone beside it"),
    ],
)
def test_what_cannot_be_gated_is_refused_in_one_line(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    assert_refused(accel("plan", gating_bundle(), "--steps", "6", *arguments, cwd=tmp_path), message)


def test_a_bundle_without_such_graphs_says_how_to_get_them(pipeline: Pipeline) -> None:
    message = "tgate: the bundle has no graphs of gated calls: export it with `--tgate`"
    settings = Settings(STEPS, "ddim", guidance=GUIDANCE, batch=1)

    with pytest.raises(InputError, match=message):
        pipeline.generate(REQUEST, pipeline.compile(spec(GATE)))
    with pytest.raises(InputError, match=message):
        prepare(pipeline, [spec(GATE)], settings=settings)


@pytest.mark.parametrize(
    ("calls", "message"),
    [
        ((Deep(1.0, gate="gated"),), "call 0 is gated, but no call before it keeps"),
        ((Deep(5.0, gate="keeps"), Deep(5.0, gate="gated")), "call 1 is gated, so it cannot be guided"),
        ((Deep(5.0), Shallow(5.0, 0, (1.0,), gate="keeps")), "call 1 keeps what its cross-attentions give"),
    ],
)
def test_calls_that_no_gate_can_have_are_refused(calls: tuple[Any, ...], message: str) -> None:
    schedule = ours().schedule(len(calls), "ddim")

    with pytest.raises(InputError, match=message):
        Plan(schedule=schedule, calls=calls)


def test_a_manifest_whose_gated_graphs_do_not_fit_is_refused() -> None:
    manifest = read_manifest(gating_bundle())
    denoiser = manifest.denoiser
    gated: Any = denoiser.tgate
    for change, message in (
        ({"keeps": gated.deep, "deep": gated.keeps}, "the keeping graph has no output|expected a graph with"),
        ({"shallow": {}}, "expected one role for it|expected the branches"),
        ({"kept": (*gated.kept, "attended_9")}, "the keeping graph has no output 'attended_9'"),
        ({"kept": gated.kept[:-1]}, "denoiser.tgate.keeps: expected a graph with"),
        ({"deep": "none"}, "no graph 'none'"),
    ):
        other = msgspec.structs.replace(denoiser, tgate=msgspec.structs.replace(gated, **change))
        with pytest.raises(ValueError, match=message):
            msgspec.structs.replace(manifest, denoiser=other).__post_init__()


def test_gated_graphs_stay_out_of_bundles_that_did_not_ask_for_them() -> None:
    assert not read_manifest(merging_bundle()).denoiser.tgate
