"""Schedules are added to a bundle that others add to, read, and hold open."""

import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier

import msgspec
import pytest
from tests.command import accel, assert_refused

from accel_exporter.schedules import add_tables, compile_for
from accel_exporter.schedules.add import Compiled
from accel_runtime import open_bundle
from accel_runtime.bundle.bundle import read_bundle, write_manifest
from accel_runtime.errors import BundleError
from accel_runtime.manifest import read_manifest

ADDED = (21, 22, 23, 24)


@pytest.fixture
def bundle(bundle_folder: Path, tmp_path: Path) -> Path:
    """A copy, with tables of 1 to 20 steps."""
    return Path(shutil.copytree(bundle_folder, tmp_path / "bundle"))


def add(bundle: Path, steps: int, *, scheduler: str = "ddim") -> None:
    opened = read_bundle(bundle)
    add_tables(opened, compile_for(opened, scheduler, steps=[steps]))


def test_what_several_add_at_once_is_all_there(bundle: Path) -> None:
    opened = read_bundle(bundle)
    compiled = [compile_for(opened, name, steps=[steps]) for name in ("ddim", "euler") for steps in ADDED]
    assert all(each.metadata for each in compiled)  # found out now, so that all come to the bundle at one time
    begin = Barrier(len(compiled))

    def add_it(each: Compiled) -> None:
        begin.wait()
        add_tables(opened, each)

    with ThreadPoolExecutor(len(compiled)) as pool:
        list(pool.map(add_it, compiled))

    pipeline = open_bundle(bundle)
    for name in ("ddim", "euler"):
        assert pipeline.schedule_file(name).step_ranges() == f"1-{ADDED[-1]}"


def test_only_what_the_manifest_lists_stays_in_the_folder(bundle: Path) -> None:
    for steps in ADDED:
        add(bundle, steps)

    found = {path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()}
    assert found == {"accel.json", "accel.json.sha256", *read_manifest(bundle).files}
    assert len(list((bundle / "schedules").glob("ddim*"))) == 2  # for readers of the last manifest


def test_a_pipeline_that_is_open_does_not_notice(bundle: Path) -> None:
    pipeline = open_bundle(bundle)
    before = pipeline.schedule(20, "euler")
    for steps in ADDED:
        for scheduler in ("ddim", "euler"):
            add(bundle, steps, scheduler=scheduler)

    assert pipeline.schedule(20, "euler") == before
    assert pipeline.schedule_file("ddim").step_ranges() == "1-20"


def test_a_reader_who_has_just_read_the_manifest_finds_its_files(bundle: Path) -> None:
    manifest = read_manifest(bundle)
    add(bundle, ADDED[0])

    assert all((bundle / file).is_file() for file in manifest.files)


def test_tables_of_another_pipeline_are_not_added(bundle: Path) -> None:
    opened = read_bundle(bundle)
    compiled = compile_for(opened, "ddim", steps=[ADDED[0]])
    config = bundle / "scheduler" / "scheduler_config.json"
    config.write_text(config.read_text().replace("0.012", "0.013"))
    files = dict(opened.manifest.files)
    files["scheduler/scheduler_config.json"] = msgspec.structs.replace(
        files["scheduler/scheduler_config.json"], sha256="0" * 64
    )
    write_manifest(bundle, msgspec.structs.replace(opened.manifest, files=files))

    with pytest.raises(BundleError, match="exported anew meanwhile"):
        add_tables(opened, compiled)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB, where this user may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root may mount a small disk")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_disk_that_is_full_or_read_only_is_one_line(bundle: Path, small_disk: Path, tmp_path: Path) -> None:
    here = Path(shutil.copytree(bundle, small_disk / "bundle"))
    before = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    words = ("schedules", "add", here, "ddim", "--steps", "21")
    with suppress(OSError):
        (small_disk / "filling").write_bytes(bytes(3 * 2**20))

    assert_refused(accel(*words, cwd=tmp_path), "no space left on the device")
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert_refused(accel(*words, cwd=tmp_path), "the disk is read-only")
    assert {path: path.read_bytes() for path in here.rglob("*") if path.is_file()} == before
