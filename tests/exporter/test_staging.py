"""Exported folders appear whole or not at all, and replace nothing but a bundle."""

import json
import os
from pathlib import Path

import pytest

from accel_exporter.staging import check_target, staged_folder
from accel_runtime.durable import lock
from accel_runtime.errors import AccelError, BundleError, InputError, WriteError
from accel_runtime.manifest import read_manifest


def write_bundle(folder: Path, text: str) -> None:
    """A graph, and a manifest that lists it."""
    (folder / "unet").mkdir(parents=True)
    (folder / "unet" / "model.onnx").write_text(text)
    (folder / "accel.json").write_text(json.dumps({"files": {"unet/model.onnx": {}}}))


def text_of(bundle: Path) -> str:
    return (bundle / "unet" / "model.onnx").read_text()


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """One that is there, alone in its folder."""
    target = tmp_path / "bundle"
    write_bundle(target, "old")
    return target


def test_a_finished_folder_takes_its_place(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "bundle"
    with staged_folder(target, force=False) as folder:
        write_bundle(folder, "new")
        assert not target.exists()

    assert text_of(target) == "new"
    assert os.listdir(target.parent) == ["bundle"]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, GeneratorExit])
def test_a_failure_leaves_nothing_behind(tmp_path: Path, failure: type[BaseException]) -> None:
    with pytest.raises(failure), staged_folder(tmp_path / "bundle", force=False) as folder:
        write_bundle(folder, "half")
        raise failure

    assert os.listdir(tmp_path) == []


def test_a_failure_keeps_the_bundle_that_was_there(bundle: Path) -> None:
    with pytest.raises(RuntimeError), staged_folder(bundle, force=True):
        raise RuntimeError

    assert text_of(bundle) == "old"
    assert os.listdir(bundle.parent) == ["bundle"]


def test_force_replaces_a_bundle(bundle: Path) -> None:
    with staged_folder(bundle, force=True) as folder:
        write_bundle(folder, "new")

    assert text_of(bundle) == "new"
    assert os.listdir(bundle.parent) == ["bundle"]


def test_force_replaces_a_bundle_that_a_link_leads_to(bundle: Path) -> None:
    link = bundle.with_name("link")
    link.symlink_to("bundle")
    with staged_folder(link, force=True) as folder:
        write_bundle(folder, "new")

    assert link.is_symlink()
    assert text_of(bundle) == "new"
    assert sorted(os.listdir(bundle.parent)) == ["bundle", "link"]


@pytest.mark.parametrize("file", ["notes.txt", "unet/mine.onnx", ".hidden", "unlisted/deep/file"])
def test_force_never_removes_a_file_that_is_not_the_bundles(bundle: Path, file: str) -> None:
    (bundle / file).parent.mkdir(parents=True, exist_ok=True)
    (bundle / file).write_text("mine")
    with pytest.raises(InputError, match=f"{file}: not a file of the bundle"):
        check_target(bundle, force=True)
    with pytest.raises(InputError, match="not a file of the bundle"), staged_folder(bundle, force=True):
        pass

    assert (bundle / file).read_text() == "mine"


def test_force_never_removes_a_file_that_came_while_the_export_ran(bundle: Path) -> None:
    with pytest.raises(InputError, match="not a file of the bundle"), staged_folder(bundle, force=True) as folder:
        write_bundle(folder, "new")
        (bundle / "notes.txt").write_text("mine")

    assert sorted(os.listdir(bundle)) == ["accel.json", "notes.txt", "unet"]
    assert os.listdir(bundle.parent) == ["bundle"]


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


def test_a_link_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nothing")
    for force in (False, True):
        with pytest.raises(InputError, match="leads nowhere"), staged_folder(tmp_path / "link", force=force):
            pass

    assert os.listdir(tmp_path) == ["link"]


def test_a_target_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match="cannot be written"), staged_folder(tmp_path / "file" / "b", force=False):
        pass


def test_a_full_disk_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="no space left"), staged_folder(tmp_path / "b", force=False):
        raise OSError(28, "No space left on device")

    assert os.listdir(tmp_path) == []


def test_a_target_that_appears_while_the_export_runs_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "bundle"
    with pytest.raises(WriteError, match="somebody else made it"), staged_folder(target, force=False) as folder:
        write_bundle(folder, "ours")
        write_bundle(target, "theirs")

    assert text_of(target) == "theirs"
    assert os.listdir(tmp_path) == ["bundle"]


def test_two_exports_to_one_target_are_told_of_each_other(tmp_path: Path) -> None:
    target = tmp_path / "bundle"
    with staged_folder(target, force=False) as folder:
        with pytest.raises(WriteError, match=rf"process {os.getpid()} on .* is writing it"):
            staged_folder(target, force=False).__enter__()
        write_bundle(folder, "first")

    assert text_of(target) == "first"


def test_nothing_is_added_to_a_bundle_while_it_is_replaced(bundle: Path) -> None:
    with pytest.raises(InputError, match="not a file"), staged_folder(bundle, force=True) as folder:
        write_bundle(folder, "new")
        with lock(bundle / "accel.json"):  # as `schedules add` holds it
            (bundle / "unet" / "table").touch()

    assert text_of(bundle) == "old"


@pytest.mark.parametrize("token", ["4711", "99999999999999999999", "0a1b2c3d"])
def test_what_a_killed_export_left_is_removed_by_the_next(tmp_path: Path, token: str) -> None:
    write_bundle(tmp_path / f".bundle.partial-{token}", "half")
    with staged_folder(tmp_path / "bundle", force=False) as folder:
        write_bundle(folder, "new")

    assert os.listdir(tmp_path) == ["bundle"]


def test_who_reads_a_bundle_that_a_killed_export_put_aside_is_told_where_it_is(tmp_path: Path) -> None:
    write_bundle(tmp_path / ".bundle.old-0a1b2c3d", "old")
    with pytest.raises(BundleError, match=r"left it as .*\.bundle\.old-0a1b2c3d: rename that to bundle"):
        read_manifest(tmp_path / "bundle")


@pytest.mark.parametrize("token", ["4711", "99999999999999999999", "0a1b2c3d"])
def test_a_bundle_that_a_killed_export_put_aside_is_put_back(tmp_path: Path, token: str) -> None:
    target = tmp_path / "bundle"
    write_bundle(tmp_path / f".bundle.old-{token}", "old")
    with pytest.raises(AccelError, match="exists already"), staged_folder(target, force=False):
        pass

    assert text_of(target) == "old"
    assert os.listdir(tmp_path) == ["bundle"]


def test_an_old_bundle_goes_once_there_is_a_new_one_and_a_folder_that_is_none_stays(bundle: Path) -> None:
    write_bundle(bundle.with_name(".bundle.old-4711"), "older")
    write_bundle(bundle.with_name(".bundle.old-2024"), "older")
    (bundle.with_name(".bundle.old-2024") / "notes.txt").write_text("mine")
    with staged_folder(bundle, force=True) as folder:
        write_bundle(folder, "new")

    assert sorted(os.listdir(bundle.parent)) == [".bundle.old-2024", "bundle"]
