"""Pictures beside each other."""

from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.bench.report.records import CACHED, FULL, bench_record, picture, plan_run

from accel_bench.benchmark.record import to_png
from accel_bench.records.bench import PlanRun
from accel_bench.report.pictures import pair_psnr, pictures
from accel_runtime.errors import InputError


def pixels(source: str | None) -> NDArray[np.uint8]:
    assert source is not None
    return np.asarray(Image.open(BytesIO(b64decode(source.removeprefix("data:image/png;base64,")))))


def cached_with(png: bytes | None) -> PlanRun:
    run = plan_run(CACHED)
    return PlanRun(run.facts, run.warm_up_s, run.images, png)


def test_the_difference_is_four_times_the_distance_of_pixels_up_to_white() -> None:
    other = np.full((8, 8, 3), 100, np.uint8)
    other[0, 0], other[1, 1] = 90, 255

    _, shown = pictures(bench_record(plans=(plan_run(FULL, value=100), cached_with(to_png(other)))))

    found = pixels(shown.difference)
    assert (found[0, 0] == 40).all()
    assert (found[1, 1] == 255).all()
    assert (found[2:] == 0).all()


def test_the_pictures_themselves_are_kept_as_they_are() -> None:
    full, cached = pictures(bench_record())

    assert (pixels(full.source) == 100).all()
    assert (pixels(cached.source) == 110).all()
    assert cached.psnr == pytest.approx(10 * np.log10(255**2 / 10**2))


def test_the_reference_is_compared_with_nothing() -> None:
    full, _ = pictures(bench_record())

    assert (full.difference, full.psnr, full.same) == (None, None, False)


def test_a_picture_without_a_differing_pixel_says_so() -> None:
    _, cached = pictures(bench_record(plans=(plan_run(FULL), cached_with(picture(100)))))

    assert cached.same


def test_a_picture_of_another_size_is_shown_and_not_compared() -> None:
    _, cached = pictures(bench_record(plans=(plan_run(FULL), cached_with(to_png(np.zeros((4, 4, 3), np.uint8))))))

    assert (cached.difference, cached.psnr, cached.width) == (None, None, 4)


def test_without_the_reference_s_picture_the_others_are_shown_alone() -> None:
    full = plan_run(FULL)
    silent = PlanRun(full.facts, full.warm_up_s, full.images, None)

    (cached,) = pictures(bench_record(plans=(silent, plan_run(CACHED))))

    assert (cached.name, cached.difference) == ("every:2", None)


def test_a_contender_without_a_picture_is_left_out() -> None:
    assert [shown.name for shown in pictures(bench_record(plans=(plan_run(FULL), cached_with(None))))] == ["full"]


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(InputError, match=r"the record's picture of every:2: not a picture \(PNG\)"):
        pictures(bench_record(plans=(plan_run(FULL), cached_with(b"junk"))))


def test_the_psnr_of_a_pair_is_of_its_squared_error() -> None:
    black, white = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 255, np.uint8)

    assert pair_psnr(black, white) == pytest.approx(0.0)
    assert pair_psnr(white, white) is None
