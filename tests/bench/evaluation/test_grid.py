"""Pictures side by side."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from accel_bench.evaluation.grid import difference_rows, draw_grid, grid_paths, write_grid
from accel_runtime.errors import InputError

ROWS = {
    name: np.stack([np.full((8, 12, 3), level + column, np.uint8) for column in (0, 50)])
    for name, level in (("full", 10), ("every:3 k=0 hold", 100))
}


def test_a_row_is_a_trial_and_a_column_a_caption() -> None:
    grid = np.asarray(draw_grid(ROWS))
    pictures = grid[:, grid.shape[1] - 2 * 14 :]

    assert grid.shape[0] == 2 * 10
    assert (pictures[:8, :12] == 10).all()
    assert (pictures[:8, 14:26] == 60).all()
    assert (pictures[10:18, :12] == 100).all()
    assert grid[:8, : -2 * 14].min() < 255  # the name is written


def test_each_pixel_of_an_enlarged_grid_is_a_square() -> None:
    plain, large = (np.asarray(draw_grid(ROWS, scale=scale)) for scale in (1, 3))

    squares = np.kron(plain[:8, -14:-2], np.ones((3, 3, 1), np.uint8))
    assert (large[:24, -38:-2] == squares).all()
    assert large.shape[0] == 2 * 26


def test_a_difference_is_four_times_the_distance_from_the_first_row_and_has_its_psnr() -> None:
    near = {"full": ROWS["full"], "near": ROWS["full"] + np.uint8(10), "same": ROWS["full"]}

    rows = difference_rows(near)

    assert list(rows) == ["4 x (near - full): 28.1 dB", "4 x (same - full): no pixel differs"]
    assert [(images.min(), images.max()) for images in rows.values()] == [(40, 40), (0, 0)]
    assert difference_rows({"full": ROWS["full"]}) == {}


def test_a_row_without_a_space_in_its_name_is_not_cut() -> None:
    grid = np.asarray(draw_grid({"calls:" + "0," * 30: ROWS["full"]}))

    assert (grid[:8, -28:-16] == 10).all()


def test_pictures_stand_over_their_differences_and_small_ones_are_enlarged(tmp_path: Path) -> None:
    write_grid(tmp_path / "grid.png", ROWS, captions=["a cat", "a café"])

    grid = np.asarray(Image.open(tmp_path / "grid.png"))

    assert grid.shape[0] == 3 * (128 + 2)
    assert [grid[top + 64, -10, 0] for top in (0, 130, 260)] == [60, 150, 255]


def test_a_grid_says_what_it_shows(tmp_path: Path) -> None:
    write_grid(tmp_path / "new" / "batch-0.png", ROWS, captions=["a cat", "a café"])
    image = Image.open(tmp_path / "new" / "batch-0.png")
    text: dict[str, str] = getattr(image, "text")  # noqa: B009  # only PNGs have it, Pillow's types do not know

    assert json.loads(text["accel:captions"]) == ["a cat", "a café"]
    assert json.loads(text["accel:rows"]) == [*ROWS, *difference_rows(ROWS)]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["batch-0.png"]


def test_grids_are_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "batch-1.png").touch()
    for folder, message in (("file", "expected a folder"), ("full", "--force"), ("no/where", "does not exist")):
        with pytest.raises(InputError, match=message):
            grid_paths(tmp_path / folder, 2, force=False)

    assert grid_paths(tmp_path / "full", 2, force=True)[1] == tmp_path / "full" / "batch-1.png"
    assert grid_paths(tmp_path / "new", 1, force=False) == [tmp_path / "new" / "batch-0.png"]
    assert not (tmp_path / "new").exists()
