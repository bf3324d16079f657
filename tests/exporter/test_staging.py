"""Outputs appear whole or not at all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from accel_exporter.staging import staged_folder
from accel_runtime.errors import ExportError, InputError


def write_bundle(folder: Path, text: str) -> None:
    (folder / "accel.json").write_text(text)


def test_a_finished_folder_takes_its_place(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "bundle"
    with staged_folder(target, force=False) as folder:
        write_bundle(folder, "new")
        assert not target.exists()

    assert (target / "accel.json").read_text() == "new"
    assert os.listdir(target.parent) == ["bundle"]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, GeneratorExit])
def test_a_failure_leaves_nothing_behind(tmp_path: Path, failure: type[BaseException]) -> None:
    with pytest.raises(failure), staged_folder(tmp_path / "bundle", force=False) as folder:
        write_bundle(folder, "half")
        raise failure

    assert os.listdir(tmp_path) == []


def test_a_failure_keeps_the_bundle_that_was_there(tmp_path: Path) -> None:
    target = tmp_path / "bundle"
    target.mkdir()
    write_bundle(target, "old")
    with pytest.raises(RuntimeError), staged_folder(target, force=True):
        raise RuntimeError

    assert (target / "accel.json").read_text() == "old"
    assert os.listdir(tmp_path) == ["bundle"]


def test_force_replaces_a_bundle(tmp_path: Path) -> None:
    target = tmp_path / "bundle"
    target.mkdir()
    write_bundle(target, "old")
    (target / "left-over").touch()
    with staged_folder(target, force=True) as folder:
        write_bundle(folder, "new")

    assert os.listdir(target) == ["accel.json"]
    assert os.listdir(tmp_path) == ["bundle"]


@pytest.mark.parametrize("is_bundle", [True, False])
def test_an_existing_target_is_refused_without_force(tmp_path: Path, is_bundle: bool) -> None:  # noqa: FBT001
    if is_bundle:
        write_bundle(tmp_path, "precious")
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(InputError, match=r"exists already: .* --force"), staged_folder(tmp_path, force=False):
        pass

    assert sorted(os.listdir(tmp_path)) == before


def test_force_never_replaces_what_is_not_a_bundle(tmp_path: Path) -> None:
    (tmp_path / "precious").touch()
    with pytest.raises(InputError, match="not a bundle"), staged_folder(tmp_path, force=True):
        pass

    assert (tmp_path / "precious").exists()


def test_a_target_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(InputError, match="cannot be written"),
        staged_folder(tmp_path / "file" / "b", force=False),
    ):
        pass


def test_a_full_disk_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="no space left"), staged_folder(tmp_path / "b", force=False):
        raise OSError(28, "No space left on device")

    assert os.listdir(tmp_path) == []


def test_what_a_killed_export_left_is_removed_by_the_next(tmp_path: Path) -> None:
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    (tmp_path / f".bundle.partial-{int(dead.stdout)}").mkdir()
    running = tmp_path / f".bundle.partial-{os.getppid()}"
    running.mkdir()
    with staged_folder(tmp_path / "bundle", force=False):
        pass

    assert sorted(os.listdir(tmp_path)) == [running.name, "bundle"]
