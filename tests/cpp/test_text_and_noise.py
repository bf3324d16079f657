"""Ids of prompts and numbers of seeds: those of the Python runtime, and so of transformers and of torch."""

from collections.abc import Iterator
from ctypes import c_void_p
from pathlib import Path

import numpy as np
import pytest
from tests.cpp.binding import INPUT, Library, LibraryError
from tests.cpp.bundles import many_schedulers
from tests.exporter.prompts import BY_HAND, random_prompts

from accel_runtime import Pipeline, open_bundle
from accel_runtime.denoising.noise import TorchGenerator

COUNT = 10_000


@pytest.fixture(scope="module")
def folder() -> Path:
    return many_schedulers()


@pytest.fixture(scope="module")
def bundle(library: Library, folder: Path) -> Iterator[c_void_p]:
    opened = library.open_bundle(folder, verification=1)
    yield opened
    library.close("bundle", opened)


@pytest.fixture(scope="module")
def python(folder: Path) -> Pipeline:
    return open_bundle(folder, verification="sizes")


def test_ten_thousand_prompts_have_the_ids_of_the_python_runtime(
    library: Library, bundle: c_void_p, python: Pipeline
) -> None:
    # A text of C ends at its first zero.
    prompts = [text.replace("\0", "") for text in (*BY_HAND, *random_prompts(COUNT, seed=2))]

    for prompt in prompts:
        assert library.tokenize(bundle, prompt) == python.tokenize(prompt)[0].ids.tolist(), repr(prompt)


def test_one_word_of_the_longest_prompt_is_tokenised_at_once(
    library: Library, bundle: c_void_p, python: Pipeline
) -> None:
    prompt = "abcdefgh" * 2**13

    assert library.tokenize(bundle, prompt) == python.tokenize(prompt)[0].ids.tolist()
    with pytest.raises(LibraryError, match="65536 characters"):
        library.tokenize(bundle, prompt + "a")


def test_text_that_is_no_utf8_is_refused(library: Library, bundle: c_void_p) -> None:
    for raw in (b"\xff", b"\xc0\x80", b"a\xe2\x82", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"):
        with pytest.raises(LibraryError, match="no UTF-8") as failed:
            library.call("bundle_tokenize", bundle, None, raw, None, 0, None, None)
        assert failed.value.status == INPUT


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1, 2**32 + 5, 2**64 - 1])
def test_noise_is_that_of_the_python_runtime_for_every_size(library: Library, seed: int) -> None:
    # Below 16 numbers torch draws otherwise, and what is no multiple of 16 ends in a block of its own.
    sizes = [1, 2, 3, 15, 16, 17, 31, 4 * 16 * 16, 1, 100_003, 7]
    generator = TorchGenerator(seed)

    expected = np.concatenate([generator.normal((size,)) for size in sizes])

    assert np.array_equal(library.noise(seed, sizes), expected)
