"""Plans that merge tokens: our image is that of diffusers' pipeline which `tomesd` patched."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import tomesd
import torch
from msgspec import UNSET, UnsetType
from tests.bundles import kept_source, merging_bundle
from tests.command import accel, assert_refused
from tests.exporter.pipelines import load_in_diffusers
from tests.integration.both import expected

from accel_bench.plans.prepare import Settings, prepare
from accel_bench.records.bundle import bundle_facts
from accel_exporter.check import relative_error
from accel_runtime import BundleError, InputError, Pipeline, PlanSpec, Request, open_bundle
from accel_runtime.manifest import Role, read_manifest
from accel_runtime.plans.file import read_plan
from accel_runtime.plans.plan import Deep, Pass
from accel_runtime.plans.rule import Rule
from accel_runtime.plans.tome import Tome

STEPS = 4
HEIGHT, WIDTH = 16, 24
REQUEST = Request(("a cat",), seed=3, height=HEIGHT, width=WIDTH)
HALF = Tome(ratio=0.5)


@cache
def ours() -> Pipeline:
    return open_bundle(merging_bundle())


@cache
def theirs() -> Any:
    return load_in_diffusers(kept_source())


def spec(tome: Tome | UnsetType, deep: Any = "full", **more: Any) -> PlanSpec:
    return PlanSpec(deep=deep, scheduler="ddim", steps=STEPS, tome=tome, **more)


def drawn(plan: PlanSpec) -> Any:
    return ours().generate(REQUEST, ours().compile(plan)).latents


def patched(calls: Mapping[int, float]) -> Any:
    """The latents of diffusers' pipeline whose UNet is patched before each call by its share, 0 by none."""

    def patch(call: int) -> None:
        tomesd.remove_patch(theirs())
        if ratio := calls.get(call, 0.0):
            tomesd.apply_patch(theirs(), ratio=ratio, use_rand=False)

    def after(_: Any, step: int, __: Any, given: dict[str, Any]) -> dict[str, Any]:
        patch(step + 1)
        return given

    patch(0)
    try:
        generator = torch.Generator("cpu").manual_seed(3)
        options = {"height": HEIGHT, "width": WIDTH, "generator": generator, "callback_on_step_end": after}
        return expected(theirs(), "ddim", prompt="a cat", **options)
    finally:
        tomesd.remove_patch(theirs())


@pytest.mark.parametrize(
    ("tome", "calls"),
    [
        (HALF, dict.fromkeys(range(STEPS), 0.5)),
        (Tome(ratio=0.5, calls={0: 0.0, 3: 0.0}), {1: 0.5, 2: 0.5}),
    ],
)
def test_a_plan_that_merges_tokens_draws_what_the_patched_pipeline_draws(tome: Tome, calls: dict[int, float]) -> None:
    wanted = patched(calls)

    assert relative_error(drawn(spec(tome)), wanted) <= 1e-5
    assert relative_error(drawn(spec(UNSET)), wanted) > 1e-3


def test_shallow_calls_merge_tokens_too_and_each_call_by_its_own_share() -> None:
    plan = ours().compile(spec(Tome(ratio=0.5, calls={0: 0.0, 1: 0.0}), "every:2"))

    assert plan.passes == {Pass(), Pass(0), Pass(tome=0.5), Pass(0, 0.5)}
    every, none, late = (drawn(spec(tome, "every:2")) for tome in (HALF, UNSET, Tome(ratio=0, calls={3: 0.5})))
    assert relative_error(every, none) > 1e-4
    assert relative_error(late, none) > 1e-5


def test_a_graph_that_merges_tokens_stands_in_for_the_one_of_its_role() -> None:
    manifest = read_manifest(merging_bundle())
    facts = bundle_facts(ours().bundle)

    assert manifest.denoiser.graph(None, 0.5) == "unet_deep_tome_50"
    assert manifest.roles["unet_shallow_0_tome_50"] == Role("shallow", 0, 0.5)
    assert facts.graphs[facts.graph_of(Role("deep", tome=0.5))].flops < facts.deep.flops
    assert facts.graph_of(Role("deep")) == "unet_deep"
    weights = {path for path in manifest.files if path.startswith("unet/") and path.endswith(".data")}
    assert weights == {"unet/weights.data"}


def test_a_rule_makes_calls_deep_that_merge_as_many_tokens() -> None:
    rule = Rule(signal="noise", threshold=0.0, most_deep=STEPS)
    steps = list(ours().denoise(REQUEST, ours().compile(spec(HALF, (0,), rule=rule))))

    assert [step.call.tome for step in steps] == [0.5] * STEPS
    assert sum(isinstance(step.call, Deep) for step in steps) > 1


def test_a_plan_is_timed_with_the_graphs_that_it_runs() -> None:
    settings = Settings(STEPS, "ddim", guidance=7.5, batch=1)
    baseline, merging = prepare(ours(), [spec(HALF, "every:2")], settings=settings)

    assert not merging.facts.is_full
    assert merging.facts.roles == {Role("deep", tome=0.5), Role("shallow", 0, 0.5)}
    assert merging.warm_up.passes == merging.plan.passes
    assert baseline.facts.roles == {Role("deep")}


def test_the_command_writes_such_a_plan_and_draws_by_it(tmp_path: Path) -> None:
    bundle, options = merging_bundle(), ("--steps", "4", "--scheduler", "ddim")
    done = accel("plan", bundle, "--plan", "every:2", "--tome", "0.5", *options, "-o", "plan.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    written = read_plan(tmp_path / "plan.json")

    assert (written.version, written.tome) == (4, HALF)
    done = accel("generate", bundle, "a cat", "--plan", "plan.json", "-o", "cat.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert b"tome 0.5" in (tmp_path / "cat.png").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--tome", "0.4"), "tome 0.4: the bundle has no graphs that merge this share of the tokens: expected one of"),
        (("--tome", "1"), "expected the share of the tokens to merge, 0 to 0.75"),
        (("--tome", "half"), "expected the share of the tokens to merge, 0 to 0.75"),
    ],
)
def test_a_share_that_the_bundle_has_no_graphs_for_is_refused_in_one_line(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    assert_refused(accel("plan", merging_bundle(), "--steps", "4", *arguments, cwd=tmp_path), message)


def test_a_bundle_without_such_graphs_says_how_to_get_them(pipeline: Pipeline) -> None:
    plan = pipeline.compile(spec(HALF))

    with pytest.raises(InputError, match=r"it has none: export it with `--tome 0\.5`"):
        pipeline.generate(REQUEST, plan)


def test_a_manifest_whose_merging_graphs_do_not_fit_is_refused() -> None:
    manifest = read_manifest(merging_bundle())
    denoiser = manifest.denoiser
    merged = denoiser.merged[0.5]
    swapped = msgspec.structs.replace(merged, deep=merged.shallow[0], shallow={0: merged.deep})
    for tome, message in (
        ({0.5: swapped}, "expected a graph with the inputs and outputs of unet_deep"),
        ({0.5: msgspec.structs.replace(merged, shallow={})}, "expected one role for it|expected the branches"),
        ({0.5: msgspec.structs.replace(merged, deep="none")}, "no graph 'none'"),
    ):
        with pytest.raises((ValueError, BundleError), match=message):
            msgspec.structs.replace(manifest, denoiser=msgspec.structs.replace(denoiser, tome=tome)).__post_init__()


def test_images_of_a_batch_merge_tokens_each_by_itself() -> None:
    both = Request(("a cat", "a dog"), seed=3)
    alone = Request(("a dog",), seed=4)
    plan = ours().compile(spec(HALF))

    together = ours().generate(both, plan).latents[1:]
    assert np.abs(together - ours().generate(alone, plan).latents).max() <= 1e-4 * np.abs(together).max()
