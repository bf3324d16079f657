"""Which plans the service runs."""

import os
import shutil
from pathlib import Path

import pytest
from tests.bundles import gating_bundle

from accel_runtime import InputError, PlanSpec
from accel_runtime.bundle.named_plans import add_plan
from accel_runtime.pipeline import open_bundle
from accel_runtime.plans.rule import Rule
from accel_serve.http.errors import RefusedError
from accel_serve.http.fields import Generation
from accel_serve.http.plans import Plans


def test_a_plan_that_decides_as_it_runs_is_served_by_name_and_by_text(bundle_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(bundle_folder, folder, copy_function=os.link)
    rule = Rule(signal="noise", threshold=0.3, most_deep=4)
    add_plan(folder, "deciding", PlanSpec(deep=(0,), rule=rule, branch=1, scheduler="ddim", steps=6))
    plans = Plans(open_bundle(folder), default="deciding")
    named = plans.choose(Generation(""), strength=None, overloaded=False)
    told = plans.choose(Generation("", plan="rule:noise:0.3:4"), strength=None, overloaded=False)

    assert named.plan.rule == told.plan.rule == rule
    assert (named.plan.most_deep, told.plan.most_deep, len(named.plan.calls)) == (4, 4, 6)
    with pytest.raises(RefusedError, match="rule:SIGNAL:THRESHOLD:MOST"):
        plans.spec("rule:other:0.3:4")


def test_a_plan_with_gated_calls_is_refused_when_the_service_starts_and_when_a_request_names_it(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(gating_bundle(), folder, copy_function=os.link)
    add_plan(folder, "gated", PlanSpec(deep="full", tgate=3, scheduler="ddim", steps=6))
    pipeline = open_bundle(folder)

    with pytest.raises(InputError, match="plan: tgate: a service mixes calls"):
        Plans(pipeline, default="gated")
    with pytest.raises(RefusedError, match="plan: tgate: a service mixes calls"):
        Plans(pipeline, default="full").choose(Generation("", plan="gated"), strength=None, overloaded=False)
