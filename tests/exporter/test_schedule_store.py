import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import msgspec
import numpy as np
import pytest

from accel_exporter.schedules import compile_one, scheduler_for, ship, store, tables
from accel_exporter.schedules.compile import Spacing
from accel_exporter.schedules.content import Content
from accel_exporter.schedules.entry import TableSet, encode_entry
from accel_exporter.schedules.fit import LinearRun, RowFit, fit_rows
from accel_exporter.schedules.ship import BASES, Shipped, allowed_difference, difference, shipped
from accel_exporter.schedules.trace import trace_scheduler
from accel_exporter.sources.random_weights import open_random
from accel_exporter.sources.shipped import open_builtin
from accel_runtime.schedules.schedule import ScheduleTable

HUB = dict(BASES[1])
OWN = {**HUB, "beta_end": 0.0125}  # nobody's
STEPS = (2, 3)
FEW_OF_SHIPPED = (1, 3, 10)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the user's."""
    monkeypatch.setenv(store.VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def compiled(cache: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names that are compiled from here on, beside an empty cache."""
    assert not cache.exists()
    names: list[str] = []
    really = tables.compile_tables

    def compile_tables(name: str, scheduler: Any, steps: tuple[int, ...]) -> TableSet:
        names.append(name)
        return really(name, scheduler, steps)

    monkeypatch.setattr(tables, "compile_tables", compile_tables)
    return names


def entry_in(cache: Path) -> Path:
    (entry,) = cache.rglob("*.tables")
    return entry


def changed(table: ScheduleTable) -> ScheduleTable:
    """The table with one coefficient a little larger than what processors differ by."""
    first, *others = table.rows
    larger = first.b[0] * (1 + 1000 * allowed_difference())
    return msgspec.structs.replace(table, rows=(msgspec.structs.replace(first, b=(larger, *first.b[1:])), *others))


@pytest.mark.parametrize("case", list(shipped()), ids=lambda case: f"{case.content.name}-{case.content.key[:4]}")
def test_shipped_tables_are_whole_and_are_what_is_compiled_now(case: Shipped) -> None:
    assert list(case.differences(FEW_OF_SHIPPED)) == []


def test_nothing_is_shipped_that_no_content_asks_for() -> None:
    wanted = {store.entry_path(store.SHIPPED, case.content).name for case in shipped()}

    assert {path.name for path in store.SHIPPED.glob("*.tables")} == wanted


def test_one_changed_coefficient_of_a_shipped_table_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = next(case for case in shipped() if case.content.name == "euler")
    made = store.read(store.SHIPPED, case.content)
    assert made is not None
    first, *others = made.tables
    store.write(tmp_path, case.content, TableSet((changed(first), *others), made.skipped, made.memoryless))
    monkeypatch.setattr(ship, "SHIPPED", tmp_path)

    (noticed,) = case.differences(FEW_OF_SHIPPED)

    assert noticed.startswith("euler, 1 steps")


@pytest.mark.parametrize(
    "config", [open_builtin("tiny").scheduler_config, open_random("sd15", seed=0).scheduler_config, HUB]
)
def test_the_usual_exports_compile_nothing(config: dict[str, Any], compiled: list[str]) -> None:
    made = list(tables.compile_all(config))

    assert len(made) == 12
    assert compiled == []


def test_a_part_of_the_shipped_step_counts_is_what_compiling_them_makes(cache: Path) -> None:
    found = compile_one("unipc", HUB, steps=(4, 10))
    fresh = tables.compile_tables("unipc", scheduler_for("unipc", HUB), (4, 10))

    assert [(t.steps, t.begin) for t in found.tables] == [(t.steps, t.begin) for t in fresh.tables]
    assert max(difference(a, b) for a, b in zip(found.tables, fresh.tables, strict=True)) <= allowed_difference()
    assert not list(cache.rglob("*"))  # nothing was compiled, so nothing was kept


def test_what_is_compiled_once_is_read_the_next_time(compiled: list[str]) -> None:
    first = compile_one("euler", OWN, steps=STEPS)
    second = compile_one("euler", OWN, steps=STEPS)

    assert compiled == ["euler"]
    assert (first.tables, first.skipped, first.metadata) == (second.tables, second.skipped, second.metadata)


def test_step_counts_that_diffusers_cannot_run_are_remembered_with_the_reason(compiled: list[str]) -> None:
    config = {**OWN, "num_train_timesteps": 8}
    first, second = (compile_one("ddim", config, steps=(4, 9)) for _ in range(2))

    assert compiled == ["ddim"]
    assert list(second.skipped) == [9]
    assert first.skipped == second.skipped


CHANGES: dict[str, dict[str, Any]] = {
    "a beta": {"beta_end": 0.0126},
    "the spacing": {"timestep_spacing": "trailing"},
    "the prediction": {"prediction_type": "v_prediction"},
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("base", ["shipped", "kept"])
def test_tables_of_another_config_are_not_taken(change: str, base: str, compiled: list[str]) -> None:
    config = HUB if base == "shipped" else OWN
    compile_one("euler", config, steps=STEPS)
    before = len(compiled)

    compile_one("euler", {**config, **CHANGES[change]}, steps=STEPS)

    assert len(compiled) == before + 1


def test_other_options_of_the_step_are_other_content() -> None:
    scheduler = scheduler_for("ddim", HUB)
    keys = {Content.of(name, scheduler, steps=STEPS).key for name in ("ddim", "ddim_eta1")}

    assert len(keys) == 2


def test_shipped_and_kept_tables_are_of_one_version_of_diffusers(
    compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    compile_one("euler", OWN, steps=STEPS)
    monkeypatch.setattr(diffusers, "__version__", "0.42.99")

    compile_one("euler", OWN, steps=STEPS)
    compile_one("euler", HUB, steps=STEPS)

    assert compiled == ["euler"] * 3


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut short": lambda data: data[: len(data) // 2],
    "empty": lambda data: data[:0],
    "one bit": lambda data: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_compiled_again_and_replaced(damage: str, cache: Path, compiled: list[str]) -> None:
    first = compile_one("euler", OWN, steps=STEPS)
    entry = entry_in(cache)
    whole = entry.read_bytes()
    entry.write_bytes(DAMAGES[damage](whole))

    second = compile_one("euler", OWN, steps=STEPS)

    assert compiled == ["euler"] * 2
    assert second.tables == first.tables
    assert entry_in(cache).read_bytes() == whole


def test_an_entry_under_the_name_of_another_is_not_taken(cache: Path, compiled: list[str]) -> None:
    compile_one("euler", OWN, steps=STEPS)
    other = Content.of("euler", scheduler_for("euler", {**OWN, "beta_end": 0.02}), steps=STEPS)
    entry = entry_in(cache)
    shutil.copy(entry, store.entry_path(entry.parent, other))

    compile_one("euler", {**OWN, "beta_end": 0.02}, steps=STEPS)

    assert compiled == ["euler"] * 2


def test_off_compiles_everything_and_keeps_nothing(compiled: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(store.VARIABLE, store.OFF)

    for config in (HUB, OWN):
        compile_one("euler", config, steps=STEPS)

    assert compiled == ["euler"] * 2


def test_a_cache_that_cannot_be_written_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(store.VARIABLE, str(tmp_path / "file"))

    made = compile_one("euler", OWN, steps=STEPS)

    assert [table.steps for table in made.tables] == list(STEPS)


def test_equal_tables_are_equal_entries_and_nothing_half_written_stays(cache: Path) -> None:
    compile_one("euler", OWN, steps=STEPS)
    made = tables.compile_tables("euler", scheduler_for("euler", OWN), STEPS)
    key = Content.of("euler", scheduler_for("euler", OWN), steps=STEPS).key

    assert entry_in(cache).read_bytes() == encode_entry(made, key=key)
    assert [path for path in cache.rglob("*") if path.is_file()] == [entry_in(cache)]


def test_the_versions_that_shipped_tables_hold_for_are_in_the_package() -> None:
    holds_for = json.loads(store.HOLDS_FOR.read_text())

    assert diffusers.__version__ in holds_for["diffusers"]


def row_by_row(run: LinearRun, k: int, *, hx: int, he: int) -> RowFit | None:
    """One row alone, by the method that tables were compiled with before rows were solved in batches."""
    history, target = run.latents[k - hx + 1 : k + 1][::-1], run.latents[k + 1]
    free = [*run.noise_pred[k - he + 1 : k + 1][::-1], run.draws[k]]
    held, wanted = history.copy(), target.copy()
    held[:, free] = 0.0
    wanted[free] = 0.0
    a = np.linalg.lstsq(held.T, wanted, rcond=None)[0]
    if np.abs(wanted - a @ held).max() > 1e-9 * np.abs(target).max():
        return None
    *b, c = (target[free] - a @ history[:, free]).tolist()
    return RowFit(tuple(a.tolist()), tuple(b), c)


@pytest.mark.parametrize("name", ["ddim", "pndm", "dpmpp_3m_sde", "unipc", "deis"])
def test_rows_solved_in_batches_are_the_rows_solved_one_by_one(name: str) -> None:
    scheduler: Any = scheduler_for(name, HUB)
    Spacing(12).apply(scheduler)
    run = trace_scheduler(scheduler, begin=0, step_options={}).run

    rows = fit_rows(run)

    hx, he = len(rows[0].a), len(rows[0].b)
    sizes = sorted(((x, e) for x in range(1, hx + he) for e in range(1, hx + he + 1 - x)), key=lambda s: (sum(s), s[0]))
    for k, row in enumerate(rows):
        tried = (row_by_row(run, k, hx=x, he=e) for x, e in sizes if x <= min(hx, k + 1) and e <= min(he, k + 1))
        alone = next(found for found in tried if found is not None)
        np.testing.assert_allclose(row.a, alone.a + (0.0,) * (hx - len(alone.a)), rtol=0, atol=1e-12)
        np.testing.assert_allclose(row.b, alone.b + (0.0,) * (he - len(alone.b)), rtol=0, atol=1e-12)
        assert row.c == pytest.approx(alone.c, abs=1e-12)
