"""Images and latents on disk."""

from pathlib import Path

import pytest

from accel_bench.base.files import check_outputs
from accel_bench.base.latents import read_latents
from accel_bench.images import image_paths
from accel_runtime.errors import InputError


def test_one_image_keeps_its_name_and_several_are_numbered() -> None:
    assert image_paths(Path("x/a.png"), count=1) == [Path("x/a.png")]
    assert image_paths(Path("x/a.png"), count=2) == [Path("x/a-0.png"), Path("x/a-1.png")]


def test_outputs_are_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    with pytest.raises(InputError, match="exists already"):
        check_outputs([tmp_path / "a.png"], force=False)
    with pytest.raises(InputError, match="is a folder"):
        check_outputs([tmp_path], force=True)
    check_outputs([tmp_path / "a.png", tmp_path / "b.png"], force=True)


def test_a_file_that_is_no_array_is_no_latents(tmp_path: Path) -> None:
    (tmp_path / "x.npy").write_bytes(b"")
    with pytest.raises(InputError, match=r"x\.npy"):
        read_latents(tmp_path / "x.npy")
