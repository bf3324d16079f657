"""Latents of others: what numpy reads of a .npy file of them, or a line, and never more than the file holds."""

import io
import zipfile
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz.containers import change_npy
from tests.robustness.copies import one_line, seeded, write

from accel_bench.base.latents import read_latents
from accel_runtime.errors import InputError


def saved(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@given(
    shape=st.tuples(*[st.integers(1, 4)] * 4),
    dtype=st.sampled_from(["<f2", "<f4", ">f4", "<f8"]),
    order=st.sampled_from(["C", "F"]),
)
@settings(deadline=None)
def test_latents_of_any_float_and_order_are_those_that_were_saved(
    tmp_path_factory: pytest.TempPathFactory, shape: tuple[int, ...], dtype: str, order: str
) -> None:
    path = tmp_path_factory.mktemp("latents") / "x.npy"
    values = np.random.default_rng(0).normal(size=shape).astype(dtype)
    path.write_bytes(saved(np.array(values, order="F" if order == "F" else "C")))
    read = read_latents(path)

    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, values.astype(np.float32))


def test_a_changed_file_is_refused_in_one_line_or_read_as_numpy_reads_it(tmp_path: Path) -> None:
    raw, rng, path = saved(np.zeros((1, 4, 8, 8), np.float32)), seeded(0), tmp_path / "x.npy"

    for _ in range(400):
        write(path, change_npy(raw, rng))
        try:
            read = read_latents(path)
        except InputError as error:
            assert str(path) in one_line(error)  # noqa: PT017
        else:
            np.testing.assert_array_equal(read, np.load(path).astype(np.float32))


def header(text: str) -> bytes:
    padded = text.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x.npy", saved(np.zeros((1, 4, 8, 8), np.float32)))
    return file.getvalue()


REFUSED = {
    "nothing": b"",
    "a torn header": saved(np.zeros((1, 4, 8, 8), np.float32))[:40],
    "numbers cut off": saved(np.zeros((1, 4, 8, 8), np.float32))[:-1],
    "numbers too many": saved(np.zeros((1, 4, 8, 8), np.float32)) + b"\0",
    "a zip": zipped(),
    "10^12 numbers": header("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1000000, 1000, 1000), }"),
    "more than there are numbers for": header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': {(10**30,) * 4}}}"),
    "a negative size": header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, -1, 1, 1), }") + bytes(4),
    "no numbers": header("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4, 8, 8), }"),
    "a type of parts": header("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1, 1, 1, 1), }") + bytes(4),
    "a nest of brackets": header("(" * 100),
    "whole numbers": saved(np.zeros((1, 4, 8, 8), np.int64)),
    "another rank": saved(np.zeros((4, 8, 8), np.float32)),
    "not a number": saved(np.full((1, 4, 8, 8), np.nan, np.float32)),
    "more than float32 holds": saved(np.full((1, 4, 8, 8), 1e300)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_file_of_latents_is_refused_at_once(tmp_path: Path, name: str) -> None:
    path, started = tmp_path / "x.npy", perf_counter()
    path.write_bytes(REFUSED[name])

    with pytest.raises(InputError, match=r"x\.npy: ") as caught:
        read_latents(path)
    one_line(caught.value)
    assert perf_counter() - started < 2
