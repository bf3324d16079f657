"""Streams that are closed, full or read no more, and arguments that are no text: one line, never a traceback."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.command import assert_refused

from accel_bench.base.table import Table, words
from accel_bench.cli.console import print_json, print_line, print_table

EMPTY = Table("", words("a"), ())
COMMANDS = {"a table": "profiles", "JSON": "profiles cpu --json", "help": "--help"}


def shell(words: str, redirections: str = "", *, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """`accel` with its streams as a shell opens them."""
    line = f"exec {sys.executable} -m accel_bench {words} {redirections}"
    environment = os.environ | variables
    return subprocess.run(
        ["/bin/bash", "-c", line],
        cwd=cwd,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=60,
        env=environment,
    )


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_a_closed_stdout_is_one_line(words: str, tmp_path: Path) -> None:
    assert_refused(shell(words, ">&-", cwd=tmp_path), "stdout: closed", code=1)


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_a_full_disk_behind_stdout_is_one_line(words: str, tmp_path: Path) -> None:
    assert_refused(shell(words, ">/dev/full", cwd=tmp_path), "No space left on device", code=1)


def test_a_reader_that_went_away_ends_the_command_in_silence(tmp_path: Path) -> None:
    done = shell("profiles --json", "| head -c 1", cwd=tmp_path)

    assert (done.stdout, done.stderr) == ("[", "")


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "2>&- <&-"])
def test_where_notes_cannot_be_written_the_work_goes_on(redirection: str, tmp_path: Path) -> None:
    done = shell("profiles --json", redirection, cwd=tmp_path)

    assert done.returncode == 0
    assert len(json.loads(done.stdout)) > 5


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
def test_an_error_that_cannot_be_written_is_still_its_exit_code(redirection: str, tmp_path: Path) -> None:
    done = shell("profiles nobody", redirection, cwd=tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


def test_a_file_that_is_written_never_gets_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    code = (
        "from accel_bench.cli.streams import prepare_streams; prepare_streams(); "
        "file = open('picture', 'wb'); open('number', 'w').write(str(file.fileno()))"
    )
    line = f'exec {sys.executable} -c "{code}" 2>&- <&-'
    subprocess.run(["/bin/bash", "-c", line], cwd=tmp_path, check=True)

    assert int((tmp_path / "number").read_text()) > 2


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_lacks_a_character_is_shown_its_number(encoding: str, tmp_path: Path) -> None:
    done = shell("profiles 'no → body'", cwd=tmp_path, PYTHONIOENCODING=encoding)
    shown = shell("profiles cpu", cwd=tmp_path, PYTHONIOENCODING=encoding)

    assert_refused(done, "no \\u2192 body")
    assert (shown.returncode, shown.stderr) == (0, "")


@pytest.mark.parametrize("option", ["", "--negative "])
def test_an_argument_that_is_not_utf_8_is_one_line(option: str, tmp_path: Path) -> None:
    done = shell(f"generate bundle a {option}$'\\xe9cureuil'", cwd=tmp_path)

    assert_refused(done, r"expected arguments in UTF-8, got b'\xe9cureuil'", code=2)


@pytest.mark.parametrize("printed", [lambda: print_line("a"), lambda: print_json({}), lambda: print_table(EMPTY)])
def test_results_are_out_when_a_print_returns(printed: Callable[[], None]) -> None:
    """What is printed later may fail, and what a command does after it may take hours."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    with os.fdopen(writer, "w") as stream, contextlib.redirect_stdout(stream):
        printed()
        assert os.read(reader, 1) != b""
    os.close(reader)
