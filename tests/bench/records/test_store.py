"""Records as files: they come back as they were, or not at all."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.bench.records.made import bench_record, peer_run, plan_run

from accel_bench.base.files import write_record
from accel_bench.records.store import read_bench, read_record
from accel_runtime.errors import InputError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_record(tmp_path / "record.json", bench_record(peers=(peer_run("other", calls=3, seconds=6.1 + 0.2),)))
    return tmp_path / "record.json"


def test_a_record_comes_back_as_it_was(path: Path) -> None:
    assert read_bench(path) == bench_record(peers=(peer_run("other", calls=3, seconds=6.1 + 0.2),))


def test_weights_of_calls_come_back_by_number(tmp_path: Path) -> None:
    full, cached = plan_run("full", deep=11, shallow=0), plan_run("every:6", deep=2, shallow=9)
    plan = msgspec.structs.replace(cached.facts.plan, weights={9: (0.9,), 10: (1.5, -0.5)}, guided_calls=(0, 4))
    weighed = msgspec.structs.replace(cached.facts, plan=plan)
    record = bench_record(plans=(full, msgspec.structs.replace(cached, facts=weighed)))

    write_record(tmp_path / "record.json", record)

    assert read_bench(tmp_path / "record.json") == record


def test_the_id_is_of_the_content() -> None:
    assert bench_record().id == bench_record().id
    assert bench_record().id != bench_record(prompt="another").id


def faster(document: dict[str, Any]) -> None:
    document["plans"][1]["images"][0]["seconds"] /= 2


def without_plans(document: dict[str, Any]) -> None:
    del document["plans"]


def from_the_future(document: dict[str, Any]) -> None:
    document["format"] = 99


def of_another_kind(document: dict[str, Any]) -> None:
    document["kind"] = "poem"


def old(document: dict[str, Any]) -> None:
    del document["kind"]
    document["format"] = 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (faster, "changed since it was measured"),
        (without_plans, "missing required field `plans`"),
        (from_the_future, "got bench 99"),
        (of_another_kind, "got poem 3"),
        (old, "got bench 1: measure again"),
    ],
)
def test_a_record_that_was_changed_or_is_unknown_is_refused(
    path: Path, change: Callable[[dict[str, Any]], None], told: str
) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))

    with pytest.raises(InputError, match=told):
        read_record(path)


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"\xff\xfe"])
def test_what_is_no_record_is_refused(path: Path, raw: bytes) -> None:
    path.write_bytes(raw)

    with pytest.raises(InputError, match=r"record\.json"):
        read_record(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_record(tmp_path / "none.json")


def test_a_field_that_came_later_leaves_older_records_as_they_are(path: Path) -> None:
    document = json.loads(path.read_text())
    del document["environment"]["instructions"]
    older = {**document, "id": ""}
    document["id"] = sha256(msgspec.json.encode(older, order="sorted")).hexdigest()[:16]
    path.write_text(json.dumps(document))

    assert read_bench(path).environment.instructions == ""
