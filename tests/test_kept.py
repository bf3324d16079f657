"""Folders that tests share: made once, made again where they are not what they were, and forgotten in the end."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.kept import cache_folder, forget_unused, is_whole, kept


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCEL_TEST_CACHE", str(tmp_path))


def write(folder: Path) -> None:
    folder.mkdir()
    (folder / "made").write_text(str(time.perf_counter_ns()))


def test_it_is_made_once_for_each_content() -> None:
    first, again, other = kept("a", write), kept("a", write), kept("a", write, facts={"steps": 2})

    assert first == again != other
    assert (first / "made").read_text() != (other / "made").read_text()


@pytest.mark.parametrize("options", [("AVX2", "AVX-512"), ("torch 2.13.0", "torch 2.13.1"), ("a line", "another")])
def test_another_machine_package_or_line_of_code_is_another_folder(
    options: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "_code" if options[0] == "a line" else "_environment"
    folders = set()
    for each in options:
        monkeypatch.setattr(f"tests.kept.{name}", lambda told=each: told)
        folders.add(kept("a", write))

    assert len(folders) == 2


@pytest.mark.parametrize("change", ["content", "file more", "file less", "unsealed"])
def test_what_a_test_changed_is_made_again(change: str) -> None:
    folder = kept("a", write)
    if change == "content":
        (folder / "made").write_text("by a test")
    elif change == "file more":
        (folder / "more").write_text("")
    elif change == "file less":
        (folder / "made").unlink()
    else:
        folder.parent.with_suffix(".seal").unlink()
    assert not is_whole(folder)

    again = kept("a", write)

    assert again == folder
    assert is_whole(again)
    assert (again / "made").read_text().isdigit()
    assert os.listdir(again) == ["made"]


def test_one_that_could_not_be_made_is_tried_again() -> None:
    def fail(folder: Path) -> None:
        write(folder)
        raise RuntimeError("half of it")

    with pytest.raises(RuntimeError, match="half of it"):
        kept("a", fail)

    assert is_whole(kept("a", write))


def test_processes_that_ask_at_once_get_one(tmp_path: Path) -> None:
    code = (
        "import time; from pathlib import Path; from tests.kept import kept\n"
        "def slowly(folder):\n"
        "    time.sleep(0.5); folder.mkdir(); (folder / 'made').write_text(str(time.perf_counter_ns()))\n"
        "print((kept('a', slowly) / 'made').read_text())"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    running = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(2)
    ]

    assert len({process.communicate(timeout=120)[0] for process in running}) == 1
    assert [process.returncode for process in running] == [0, 0]
    assert len(list(tmp_path.glob("*.seal"))) == 1


def test_what_no_run_asked_for_in_two_weeks_is_forgotten() -> None:
    old, new = kept("old", write), kept("new", write)
    long_ago = time.time() - 15 * 24 * 3600
    os.utime(old.parent.with_suffix(".seal"), (long_ago, long_ago))

    forget_unused()

    assert not old.exists()
    assert is_whole(new)
    assert sorted({path.stem for path in cache_folder().iterdir()}) == [new.parent.name]
