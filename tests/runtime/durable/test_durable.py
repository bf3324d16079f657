"""Files, folders and locks that survive whoever writes them."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import BinaryIO

import pytest
from tests.robustness.faults import needs_tracing, run

from accel_runtime.durable import append_lines, lock, read_lines, sweep, write_bytes, write_file, write_folder
from accel_runtime.durable.system import exchange
from accel_runtime.errors import AccelError, WriteError

KILLED = """
import os, sys
from pathlib import Path
from accel_runtime.durable import lock, write_file
path = Path(sys.argv[1])
def stop(*_):
    print("there", flush=True)
    sys.stdin.read()
"""


def started(code: str, path: Path) -> "subprocess.Popen[str]":
    """Another process, which holds what it has when this returns."""
    command = [sys.executable, "-c", KILLED + code, str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "there\n"
    return process


def kill(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.communicate()


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_bytes(tmp_path / "file", b"old")
    write_bytes(tmp_path / "file", b"new")

    assert (tmp_path / "file").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, AccelError])
def test_a_writer_that_fails_leaves_the_old_file(tmp_path: Path, failure: type[BaseException]) -> None:
    write_bytes(tmp_path / "file", b"old")

    def write(file: BinaryIO) -> None:
        file.write(b"half")
        raise failure

    with pytest.raises(failure):
        write_file(tmp_path / "file", write)

    assert (tmp_path / "file").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_link_is_replaced_and_what_it_leads_to_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "others").write_bytes(b"others")
    (tmp_path / "file").symlink_to("others")
    write_bytes(tmp_path / "file", b"ours")

    assert (tmp_path / "others").read_bytes() == b"others"
    assert (tmp_path / "file").read_bytes() == b"ours"


def test_a_device_and_a_folder_are_never_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(WriteError, match="expected a file"):
            write_bytes(tmp_path / name, b"")

    assert sorted(os.listdir(tmp_path)) == ["folder", "pipe"]


def test_what_cannot_be_written_is_one_line_that_says_where(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match=r"missing/file: cannot be written: No such file"):
        write_bytes(tmp_path / "missing" / "file", b"")
    with pytest.raises(WriteError, match=r"cannot be written: File name too long"):
        write_bytes(tmp_path / ("x" * 300), b"")


def test_what_a_killed_writer_left_is_removed_and_what_a_living_one_has_is_not(tmp_path: Path) -> None:
    dead = started("write_file(path, stop)", tmp_path / "file")
    kill(dead)
    (left,) = tmp_path.iterdir()
    living = started("write_file(path, stop)", tmp_path / "file")
    (kept,) = set(tmp_path.iterdir()) - {left}
    write_bytes(tmp_path / "file", b"new")

    assert set(tmp_path.iterdir()) == {tmp_path / "file", kept}
    kill(living)
    sweep(tmp_path)
    assert os.listdir(tmp_path) == ["file"]


@needs_tracing
def test_content_is_on_the_disk_before_its_name_and_then_the_name(tmp_path: Path) -> None:
    assert run(lambda: write_bytes(tmp_path / "file", b"new")).calls == ("open", "write", "fsync", "rename", "fsync")


@needs_tracing
def test_all_of_a_folder_is_on_the_disk_before_its_name(tmp_path: Path) -> None:
    def write() -> None:
        with write_folder(tmp_path / "folder") as folder:
            (folder / "inner").mkdir()
            (folder / "inner" / "file").write_bytes(b"new")

    # The file, both folders, the new name, the folder that it is in; then the lock goes.
    assert run(write).calls[-7:] == ("write", "fsync", "fsync", "fsync", "rename", "fsync", "unlink")


def test_two_folders_change_places_at_once_on_linux(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    if not exchange(tmp_path / "a", tmp_path / "b"):
        pytest.skip("this file system cannot exchange folders")

    assert (os.listdir(tmp_path / "a"), os.listdir(tmp_path / "b")) == (["b"], ["a"])


def test_a_lock_says_who_holds_it_and_ends_with_its_process(tmp_path: Path) -> None:
    target = tmp_path / "target"
    other = started("with lock(path): stop()", target)
    with pytest.raises(WriteError, match=rf"target: process {other.pid} on .*, since .*, is writing it"), lock(target):
        pass
    kill(other)
    assert os.listdir(tmp_path) == [".target.lock"]
    with lock(target):
        pass

    assert os.listdir(tmp_path) == []


def test_whoever_waits_for_a_lock_gets_it_when_it_is_given_back(tmp_path: Path) -> None:
    order = []

    def hold() -> None:
        with lock(tmp_path / "target", patience_s=10):
            order.append("begin")
            time.sleep(0.02)
            order.append("end")

    threads = [threading.Thread(target=hold) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert order == ["begin", "end"] * 8
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("cut", range(12))
def test_lines_that_are_appended_follow_the_last_whole_one(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "log"
    append_lines(path, b"first\nlast\n")
    path.write_bytes(path.read_bytes()[:cut] + b"\0" * (cut % 3))
    append_lines(path, b"new\n")
    with path.open("rb") as file:
        found = list(read_lines(file))

    assert found == [line for line, end in ((b"first\n", 6), (b"last\n", 11)) if end <= cut] + [b"new\n"]
