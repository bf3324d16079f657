"""Records of older formats: they are read as those of today are, and only as they were written."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest

from accel_bench.records.bench import BenchRecord
from accel_bench.records.evaluation import EvaluationRecord
from accel_bench.records.older import upgrade
from accel_bench.records.scenario import ScenarioRecord
from accel_bench.records.search import SearchRecord
from accel_bench.records.store import read_record
from accel_runtime.errors import InputError
from accel_runtime.manifest import Role
from accel_runtime.plans.forecast import Forecast
from accel_runtime.plans.spec import PlanSpec

RECORDS = Path(__file__).parents[3] / "docs" / "records"
# One of each kind.
STORED: dict[str, tuple[type, tuple[str, int]]] = {
    "sd15-random-2-cores": (BenchRecord, ("bench", 2)),
    "tiny-quality-2-cores": (EvaluationRecord, ("evaluation", 2)),
    "scenario-offline": (ScenarioRecord, ("scenario", 1)),
    "search-tiny-ddim-50": (SearchRecord, ("search", 1)),
}
OLD: dict[str, Any] = {
    "name": "calls:0,4 k=1 linear euler 9 steps guided 0-5",
    "plan": "calls:0,4",
    "branch": 1,
    "forecast": "linear",
    "calls": 9,
    "deep_calls": [0, 4],
    "weights": {"2": [0.9]},
    "steps": 9,
    "scheduler": "euler",
    "guided_calls": [0, 5],
}


def document(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RECORDS / f"{name}.json").read_text())
    return found


def facts_of(record: dict[str, Any]) -> list[dict[str, Any]]:
    (runs,) = (record[key] for key in ("plans", "trials", "runs", "tried") if key in record)
    return [run["facts"] for run in runs]


@pytest.mark.parametrize("name", STORED)
def test_a_stored_record_is_read_with_the_plans_that_it_was_written_with(name: str) -> None:
    kind, (word, number) = STORED[name]
    written = document(name)
    record = read_record(RECORDS / f"{name}.json")

    assert (written.get("kind"), written["format"]) == (word, number)
    assert isinstance(record, kind)
    assert record.id == written["id"]
    for old, new in zip(facts_of(written), facts_of(msgspec.to_builtins(record)), strict=True):
        spec = msgspec.convert(new["plan"], PlanSpec, str_keys=True)
        assert (new["name"], new["calls"]) == (old["name"], old["calls"])
        assert list(spec.deep_calls(old["calls"])) == sorted(old["deep_calls"])
        assert {str(call): list(each) for call, each in spec.weights.items()} == old.get("weights", {})
        assert (spec.steps, spec.scheduler) == (old.get("steps"), old.get("scheduler"))
        if old["branch"] is not None:
            assert (spec.branch, spec.forecast) == (old["branch"], old["forecast"])


def test_all_that_an_older_plan_says_is_kept() -> None:
    upgraded, number = upgrade({"plans": [{"facts": OLD, "images": 1}]}, "bench", 2)
    facts = upgraded["plans"][0]["facts"]

    assert number == upgraded["format"] == 3
    assert upgraded["plans"][0]["images"] == 1
    assert facts.keys() == {"name", "plan", "calls"}
    assert msgspec.convert(facts["plan"], PlanSpec, str_keys=True) == PlanSpec(
        deep=(0, 4),
        branch=1,
        forecast=Forecast.LINEAR,
        weights={2: (0.9,)},
        steps=9,
        scheduler="euler",
        guided_calls=(0, 5),
    )


@pytest.mark.parametrize("name", STORED)
def test_the_graphs_of_an_older_bundle_get_the_roles_that_their_names_meant(name: str) -> None:
    record = read_record(RECORDS / f"{name}.json")
    written = document(name)["bundle"]["graphs"]
    shallow = {f"unet_shallow_{branch}": Role("shallow", branch) for branch in range(12)}
    meant = {"text_encoder": Role("text"), "unet_deep": Role("deep")} | shallow
    meant |= {"vae_decoder": Role("decoder"), "vae_encoder": Role("encoder")}

    assert {each: graph.role for each, graph in record.bundle.graphs.items()} == {each: meant[each] for each in written}
    assert record.bundle.deep.flops == written["unet_deep"]["flops"]


def test_a_graph_that_no_older_bundle_had_has_no_role() -> None:
    upgraded, _ = upgrade({"plans": [], "bundle": {"graphs": {"unet_shallow_x": {"flops": 1}}}}, "bench", 2)

    assert upgraded["bundle"]["graphs"] == {"unet_shallow_x": {"flops": 1}}


def test_a_document_stays_as_it_was_read() -> None:
    written = document("scenario-offline")
    before = json.dumps(written)

    upgrade(written, "scenario", 1)

    assert json.dumps(written) == before


@pytest.mark.parametrize("runs", [None, 3, [3], [{"facts": None}], [{"facts": {"plan": 3, "branch": []}}]])
def test_what_is_no_record_stays_none(runs: Any) -> None:
    assert upgrade({"plans": runs}, "bench", 2)[1] == 3


def test_an_older_record_that_was_changed_is_refused(tmp_path: Path) -> None:
    changed = document("sd15-random-2-cores")
    changed["plans"][1]["facts"]["plan"] = "every:2"
    (tmp_path / "record.json").write_text(json.dumps(changed))

    with pytest.raises(InputError, match="changed since it was measured"):
        read_record(tmp_path / "record.json")


def test_an_older_record_whose_plan_means_nothing_is_refused_by_name(tmp_path: Path) -> None:
    changed = document("sd15-random-2-cores")
    changed["plans"][1]["facts"]["plan"] = "every:0"
    sealed = sha256(msgspec.json.encode(changed | {"id": ""}, order="sorted")).hexdigest()[:16]
    (tmp_path / "record.json").write_text(json.dumps(changed | {"id": sealed}))

    with pytest.raises(InputError, match=r"record\.json: plan: deep: expected full, .* got 'every:0'.*plans\[1\]"):
        read_record(tmp_path / "record.json")
