"""A job's folder: what is done is done once, whatever stopped it."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from tests.bench.jobs.painting import BLOCKS, LOOK, PICTURES, SETTINGS, paint, paint_job
from tests.robustness.faults import Fault, needs_tracing, run

from accel_bench.jobs.blocks import Shard, parse_shard
from accel_bench.jobs.folder import open_folder, picture_file
from accel_bench.jobs.manifest import Line, read_done
from accel_runtime.errors import InputError, WriteError


def lines(folder: Path, name: str = "manifest.jsonl") -> list[Line]:
    return [msgspec.json.decode(line, type=Line) for line in (folder / name).read_bytes().splitlines()]


def assert_complete(folder: Path) -> None:
    assert sorted(line.number for line in lines(folder)) == [0, 1, 2, 3, 4]
    assert all((folder / picture_file(each)).read_bytes() == paint(each) for each in PICTURES)
    hidden = [path.name for path in folder.rglob(".*")]
    assert hidden == []


def test_pictures_of_one_size_are_drawn_together_and_each_has_a_line(tmp_path: Path) -> None:
    painter = paint_job(tmp_path / "job")

    assert painter.painted == [0, 1, 2, 3, 4]
    assert [[each.number for each in block.pictures] for block in BLOCKS] == [[0, 1], [2], [3, 4]]
    assert_complete(tmp_path / "job")
    third = lines(tmp_path / "job")[2]
    assert (third.prompt, third.height, third.width, third.seconds) == ("c", 8, 16, 0.5)
    assert paint_job(tmp_path / "job").painted == []


def test_shards_cut_no_block_and_a_run_without_one_gathers_their_lines(tmp_path: Path) -> None:
    folder = tmp_path / "job"

    assert paint_job(folder, shard=Shard(1, 2)).painted == [0, 1, 3, 4]
    assert paint_job(folder, shard=Shard(2, 2)).painted == [2]
    assert len(lines(folder, "manifest-1-of-2.jsonl")) == 4
    assert paint_job(folder).painted == []
    assert_complete(folder)


def test_folders_of_shards_put_into_one_are_one_job(tmp_path: Path) -> None:
    for index in (1, 2):
        paint_job(tmp_path / str(index), shard=Shard(index, 2))
        shutil.copytree(tmp_path / str(index), tmp_path / "all", dirs_exist_ok=True)

    assert paint_job(tmp_path / "all").painted == []
    assert_complete(tmp_path / "all")


@needs_tracing
@pytest.mark.parametrize("fault", [Fault(), Fault(how="full")], ids=["killed", "full"])
def test_a_run_that_is_stopped_at_any_call_is_completed_by_the_next(tmp_path: Path, fault: Fault) -> None:
    for number in range(0, 200, 11):
        folder = tmp_path / str(number)
        stopped = run(lambda: paint_job(folder), replace(fault, stop_at=number)).stopped  # noqa: B023
        listed = set(read_done(folder))
        painted = paint_job(folder).painted
        blocks = [{picture.number for picture in block.pictures} for block in BLOCKS]
        assert not any(block <= listed and block & set(painted) for block in blocks), "a listed block was drawn twice"
        assert_complete(folder)
        if not stopped:
            assert number > 50
            return
    raise AssertionError("it was stopped every time")


def test_a_picture_without_its_line_is_read_and_kept_where_it_is_this_jobs(tmp_path: Path) -> None:
    folder = tmp_path / "job"
    paint_job(folder)
    (folder / "manifest.jsonl").write_bytes(b'{"number":0, torn')
    damaged = folder / picture_file(PICTURES[2])
    raw = bytearray(damaged.read_bytes())
    raw[-30] ^= 1
    damaged.write_bytes(raw)

    painter = paint_job(folder)

    assert painter.painted == [2]
    assert [line.seconds for line in lines(folder)] == [None, None, None, None, 0.5]
    assert_complete(folder)


def test_a_picture_of_another_job_is_drawn_anew(tmp_path: Path) -> None:
    folder = tmp_path / "job"
    paint_job(folder)
    (folder / "manifest.jsonl").unlink()
    shutil.copyfile(folder / picture_file(PICTURES[0]), folder / picture_file(PICTURES[2]))

    assert paint_job(folder).painted == [2]
    assert_complete(folder)


def test_a_picture_that_is_gone_is_drawn_again(tmp_path: Path) -> None:
    folder = tmp_path / "job"
    paint_job(folder)
    (folder / picture_file(PICTURES[2])).unlink()

    assert paint_job(folder).painted == [2]
    assert {line.sha256 for line in lines(folder) if line.number == 2} == {lines(folder)[2].sha256}


def test_a_job_of_other_settings_is_refused_by_what_differs(tmp_path: Path) -> None:
    folder = tmp_path / "job"
    paint_job(folder)

    for change, said in ({"batch": 3}, "batch 2, not 3"), ({"backend": "paint 2"}, "backend paint 1, not paint 2"):
        with pytest.raises(InputError, match=f"holds a job of {said}: choose another"):
            paint_job(folder, settings=msgspec.structs.replace(SETTINGS, **change))


def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()

    with pytest.raises(InputError, match="expected the folder of a job, or a new one"):
        paint_job(tmp_path)
    assert os.listdir(tmp_path) == ["mine.txt"]


def test_two_runs_of_one_shard_do_not_meet(tmp_path: Path) -> None:
    with (
        open_folder(tmp_path, SETTINGS, LOOK, blocks=BLOCKS, shard=Shard(1, 2)),
        pytest.raises(WriteError, match=r"manifest-1-of-2: process .* is writing it"),
    ):
        paint_job(tmp_path, shard=Shard(1, 2))


def test_lines_that_tell_different_pictures_of_one_number_are_refused(tmp_path: Path) -> None:
    paint_job(tmp_path)
    other = (tmp_path / "manifest.jsonl").read_bytes().splitlines()[0].replace(b'"sha256":"', b'"sha256":"0')
    (tmp_path / "manifest-1-of-2.jsonl").write_bytes(other + b"\n")

    with pytest.raises(InputError, match=r"picture 0 has sha256 .* shards of different jobs or machines"):
        paint_job(tmp_path)


def test_a_line_of_something_else_is_refused_by_its_number(tmp_path: Path) -> None:
    paint_job(tmp_path)
    (tmp_path / "manifest-1-of-2.jsonl").write_bytes(b"{}\n")

    with pytest.raises(InputError, match=r"manifest-1-of-2.jsonl: line 1: .*number"):
        paint_job(tmp_path)


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "1/2/3", "a/b", "1/-2", ""])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"--shard .*such as 1/4 to 4/4"):
        parse_shard(text)
