from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save_file

from accel_runtime.errors import BundleError, InputError
from accel_runtime.schedules.arrays import LAYOUT
from accel_runtime.schedules.file import (
    SCHEDULE_SUFFIX,
    MissingTableError,
    ScheduleFile,
    first_call,
    rest_of,
    write_schedules,
)
from accel_runtime.schedules.schedule import Recurrence, ScheduleRow, ScheduleTable

HEAD = {"class": "X", "order": "1", "memoryless": "no"}

weight = st.floats(-4, 4, width=32)


def row(k: int, a: tuple[float, ...], b: tuple[float, ...], *, c: float = 0.0) -> ScheduleRow:
    return ScheduleRow(
        900.0 - k, 0.5, a, b, c=c, draws=int(c != 0), shallow_ok=k > 0, add_noise=(0.25, 0.75) if k % 2 == 0 else None
    )


def table(steps: int, *, begin: int = 0, name: str = "made_up") -> ScheduleTable:
    rows = tuple(row(k, (0.9, 0.1 * (k > 0)), (-0.1 * steps, 0.0, 0.3 * (k > 1)), c=0.25) for k in range(steps))
    return ScheduleTable(name, steps, begin, 14.6, rows)


def latents(seed: int, shape: tuple[int, ...] = (2, 4, 3, 3)) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def run(rows: list[ScheduleRow], size: float) -> npt.NDArray[np.float32]:
    """The rows run on fixed inputs, all of them multiplied by ``size``."""
    state = Recurrence.start(latents(0) * np.float32(size))
    for k, each in enumerate(rows):
        state = state.advance(each, latents(2 * k + 1) * np.float32(size), draw=latents(2 * k + 2) * np.float32(size))
    return state.latents


@pytest.fixture
def path(tmp_path: Path) -> Path:
    target = tmp_path / f"made_up{SCHEDULE_SUFFIX}"
    write_schedules(target, [table(1), table(2), table(3), table(7), table(7, begin=2)], metadata=HEAD)
    return target


def test_a_table_from_the_middle_adds_noise_at_later_calls_as_the_whole_one_does(tmp_path: Path) -> None:
    whole = table(7)
    last = table(7, begin=2).rows[: len(whole.rows[2:])]
    bare = tuple(
        msgspec.structs.replace(row, timestep=same.timestep, add_noise=None if at else same.add_noise)
        for at, (row, same) in enumerate(zip(last, whole.rows[2:], strict=True))
    )
    write_schedules(tmp_path / "file", [whole, ScheduleTable("made_up", 7, 2, 14.6, bare)], metadata=HEAD)

    found = ScheduleFile.open(tmp_path / "file").table(7, begin=2)

    assert [row.add_noise for row in found.rows] == [row.add_noise for row in whole.rows[2:]]
    assert [row.a for row in found.rows] == [row.a for row in bare]


def rewrite(path: Path, key: str, array: npt.NDArray[np.generic] | None, **metadata: str) -> None:
    """Replace one array of the file (or drop it), and metadata."""
    with safe_open(path, framework="np") as file:
        head = {**file.metadata(), **metadata}
        arrays = {name: file.get_tensor(name) for name in file.keys() if name != key}  # noqa: SIM118
    save_file(arrays if array is None else {**arrays, key: array}, path, metadata=head)


def array_of(path: Path, key: str) -> npt.NDArray[np.generic]:
    with safe_open(path, framework="np") as file:
        array: npt.NDArray[np.generic] = file.get_tensor(key)
    return array


def test_the_next_latents_are_the_weighted_sum_of_all_histories() -> None:
    x0, e0, e1, z0, z1 = (latents(seed) for seed in range(5))

    first = Recurrence.start(x0).advance(row(0, (2.0, 0.0), (3.0, 0.0), c=5.0), e0, draw=z0)
    second = first.advance(row(1, (0.5, -1.0), (0.25, 4.0), c=2.0), e1, draw=z1)

    x1 = 2 * x0 + 3 * e0 + 5 * z0
    np.testing.assert_allclose(first.latents, x1, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(second.latents, 0.5 * x1 - x0 + 0.25 * e1 + 4 * e0 + 2 * z1, rtol=1e-5, atol=1e-5)


@given(weights=st.lists(st.tuples(weight, weight, weight), min_size=1, max_size=5), power=st.integers(-8, 8))
@settings(max_examples=40, deadline=None)
def test_scaling_all_inputs_by_a_power_of_two_scales_the_latents_exactly(
    weights: list[tuple[float, float, float]], power: int
) -> None:
    # Multiples of 1/64 keep every term far from the subnormal numbers, where a power of two rounds.
    rounded = [tuple(round(64 * w) / 64 for w in each) for each in weights]
    rows = [row(k, (a,), (b,), c=c) for k, (a, b, c) in enumerate(rounded)]

    np.testing.assert_array_equal(run(rows, 2.0**power), run(rows, 1.0) * np.float32(2.0**power))


def test_the_histories_never_grow_beyond_what_the_rows_weigh() -> None:
    state = Recurrence.start(latents(0))

    for each in table(7).rows:
        state = state.advance(each, latents(1), draw=latents(2))

    assert (len(state.x), len(state.e)) == (2, 2)


def test_latents_stay_float32_and_are_not_changed_by_later_calls() -> None:
    first = Recurrence.start(latents(0).astype(np.float64))
    kept = first.latents.copy()

    second = first.advance(table(3).rows[0], latents(1), draw=latents(2))

    assert second.latents.dtype == np.float32
    np.testing.assert_array_equal(first.latents, kept)


def test_the_model_may_overwrite_its_output_buffer() -> None:
    output, rows = latents(1), [row(0, (1.0,), (1.0, 0.0)), row(1, (1.0,), (0.0, 1.0))]
    first = Recurrence.start(np.zeros_like(output)).advance(rows[0], output)
    expected = 2 * output.copy()

    output[:] = 1e9
    second = first.advance(rows[1], np.zeros_like(output))

    np.testing.assert_array_equal(second.latents, expected)


def test_the_model_input_is_the_scaled_latents() -> None:
    state = Recurrence.start(latents(0))

    np.testing.assert_array_equal(state.model_input(row(0, (1.0,), (1.0,))), latents(0) * np.float32(0.5))
    assert state.model_input(msgspec.structs.replace(row(0, (1.0,), (1.0,)), input_scale=1.0)) is state.latents


def test_a_row_that_draws_refuses_to_run_without_noise_even_where_it_weighs_nothing() -> None:
    silent = msgspec.structs.replace(row(0, (1.0,), (1.0,)), draws=1)

    with pytest.raises(InputError, match="draw"):
        Recurrence.start(latents(0)).advance(silent, latents(1))


@pytest.mark.parametrize(("steps", "begin"), [(1, 0), (3, 0), (7, 0), (7, 2)])
def test_a_table_reads_back_exactly_as_written(path: Path, steps: int, begin: int) -> None:
    assert ScheduleFile.open(path).table(steps, begin=begin) == table(steps, begin=begin)


def test_a_step_count_that_is_not_in_the_file_is_an_error_that_names_those_that_are(path: Path) -> None:
    with pytest.raises(MissingTableError, match=r"no table for 5 steps: .* 1-3, 7 steps"):
        ScheduleFile.open(path).table(5)


def test_a_multistep_schedulers_table_is_never_cut(path: Path) -> None:
    with pytest.raises(MissingTableError, match="no table for 7 steps from call 4 on"):
        ScheduleFile.open(path).table(7, begin=4)


def test_a_memoryless_schedulers_table_from_the_middle_is_the_rest_of_the_whole_one(tmp_path: Path) -> None:
    target = tmp_path / "cut.safetensors"
    write_schedules(target, [table(7)], metadata={**HEAD, "memoryless": "yes"})

    cut = ScheduleFile.open(target).table(7, begin=4)

    assert (cut.begin, cut.rows[0].shallow_ok, cut.rows[1:]) == (4, False, table(7).rows[5:])
    with pytest.raises(InputError, match="cannot start at call 3"):
        rest_of(table(7), 3)


@pytest.mark.parametrize(
    ("steps", "strength", "order", "call"), [(20, 0.6, 1, 8), (20, 0.6, 2, 16), (20, 1.0, 1, 0), (50, 0.75, 1, 13)]
)
def test_strength_counts_steps_as_diffusers_does(steps: int, strength: float, order: int, call: int) -> None:
    assert first_call(steps, strength, order=order) == call


@pytest.mark.parametrize("strength", [0.0, -1.0, 1.5, 0.04])
def test_a_strength_that_leaves_nothing_to_do_is_refused(strength: float) -> None:
    with pytest.raises(InputError, match="strength"):
        first_call(20, strength, order=1)


@pytest.mark.parametrize(("key", "value"), [("order", "0"), ("order", "two"), ("memoryless", "maybe")])
def test_metadata_that_make_no_sense_are_named(path: Path, key: str, value: str) -> None:
    rewrite(path, "a", array_of(path, "a"), **{key: value})

    with pytest.raises(BundleError, match=f"{key}: .*{value}"):
        ScheduleFile.open(path)


def test_tables_of_two_schedulers_do_not_go_into_one_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="ddim"):
        write_schedules(tmp_path / "x.safetensors", [table(1), table(1, name="ddim")], metadata={})


def test_a_missing_or_truncated_file_is_a_bundle_error_that_names_it(path: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"nothing\.safetensors"):
        ScheduleFile.open(tmp_path / "nothing.safetensors")
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(BundleError, match=r"made_up\.safetensors"):
        ScheduleFile.open(path)


@pytest.mark.parametrize("key", LAYOUT)
def test_a_key_that_is_missing_or_of_another_type_or_length_is_named(path: Path, key: str) -> None:
    array = array_of(path, key)
    for broken in (None, array.astype(np.float32), array[:-1]):
        if broken is not None and broken.shape != array.shape and key in {"tables", "init_noise_sigma"}:
            broken = np.hstack([array, array])  # noqa: PLW2901 - one table fewer is a sound file but for the other key
        rewrite(path, key, broken)

        with pytest.raises(BundleError, match=rf"made_up\.safetensors: .*\b({key}|input_scale|c|draws)\b"):
            ScheduleFile.open(path)

        rewrite(path, key, array)


@pytest.mark.parametrize(
    ("key", "at", "value", "complaint"),
    [
        ("a", (0, 0), np.nan, "a: .*finite"),
        ("a", (0, 1), 0.5, "a: .*does not exist yet"),
        ("b", (1, 2), 0.5, "b: .*does not exist yet"),
        ("tables", (1, 2), 10**6, "tables: .* 2 steps"),
        ("tables", (1, 3), 0, "tables: .* 2 steps"),
        ("tables", (1, 4), 9, "tables: .* 2 steps"),
        ("shallow_ok", (0,), 1, "shallow_ok: call 0"),
        ("draws", (2,), 2, "draws: "),
    ],
)
def test_a_value_that_makes_no_sense_is_named(
    path: Path, key: str, at: tuple[int, ...], value: float, complaint: str
) -> None:
    array = array_of(path, key).copy()
    array[at] = value
    rewrite(path, key, array)

    with pytest.raises(BundleError, match=complaint):
        ScheduleFile.open(path)


@pytest.mark.parametrize(("key", "value"), [("format", "other"), ("version", "1")])
def test_another_format_or_version_is_refused(path: Path, key: str, value: str) -> None:
    rewrite(path, "a", array_of(path, "a"), **{key: value})

    with pytest.raises(BundleError, match=f"{key}: .*{value}"):
        ScheduleFile.open(path)
