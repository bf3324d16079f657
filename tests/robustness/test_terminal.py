"""Whatever others wrote into names and notes is shown on the terminal, and never obeyed by it."""

import ast
import io
import json
import shutil
import unicodedata
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from tests.command import accel, assert_refused
from tests.test_layering import LAYERS

from accel_bench.base.table import Table, numbers, prose, words
from accel_bench.cli.console import note, print_error, print_json, print_line, print_table, progress_bar
from accel_runtime.printable import printable

# Sets the clipboard, colours, links, turns text around, ends a line, breaks a line, is a half of a character.
HOSTILE = [
    "\x1b]52;c;cm0gLXJm\x07",
    "\x1b[31m",
    "\x9b31m",
    "\u202egnp.",
    "\u2066",
    "a\rb",
    "a\nb",
    "\u2028",
    "\x7f",
    "\x00",
]
MARKUP = ["[/x]", "a[/x]/b", "[bold]b[/bold]", "[link=https://a.b]c[/link]", "[red", "\\[a]", ":smiley:"]
# What people write.
PLAIN = ["écureuil à la Picasso", "リス、ピカソ風", "سنجاب", "👩‍🚀 🏴󠁧󠁢󠁥󠁮󠁧󠁿", "512×512 → ½", "C:\\new\\table", "-\u00a0-"]

anything = st.text(st.characters(exclude_categories=()), max_size=30) | st.sampled_from([*HOSTILE, *MARKUP, *PLAIN])


def is_inert(text: str) -> bool:
    """Nothing that a terminal obeys, and no half of a character."""
    hidden = {unicodedata.bidirectional(character) for character in text} & {
        *("LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI")
    }
    return not hidden and all(unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp") for character in text)


@given(anything)
def test_printable_text_is_inert_and_is_not_changed_again(text: str) -> None:
    assert is_inert(printable(text))
    assert printable(printable(text)) == printable(text)


@pytest.mark.parametrize("text", PLAIN)
def test_what_people_write_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


@given(anything)
def test_every_line_that_is_printed_is_one_inert_line(text: str) -> None:
    for printed in (print_line, note, print_error):
        output = io.StringIO()
        with redirect_stdout(output), redirect_stderr(output):
            printed(text)

        (line, end) = output.getvalue().split("\n")
        assert (is_inert(line), end) == (True, "")
        assert line.endswith(printable(text))


@given(anything, anything)
def test_a_table_shows_its_cells_as_they_are(name: str, text: str) -> None:
    output = io.StringIO()
    columns = (*words(name), *prose("prose"), *numbers("numbers"))
    with redirect_stdout(output):
        print_table(Table(name, columns, ((name, "", text),)))
    lines = output.getvalue().split("\n")

    assert all(is_inert(line) for line in lines)
    if text in MARKUP:
        assert text in output.getvalue()


@given(st.recursive(anything.filter(lambda text: text.isprintable()) | st.sampled_from(HOSTILE), st.lists))
def test_json_means_the_same_and_is_inert(document: object) -> None:
    output = io.StringIO()
    with redirect_stdout(output):
        print_json(document)

    assert json.loads(output.getvalue()) == document
    assert all(is_inert(line) for line in output.getvalue().split("\n"))


@pytest.mark.parametrize("text", [*HOSTILE, *MARKUP])
def test_a_progress_bar_shows_what_it_is_about(text: str) -> None:
    with progress_bar() as progress:
        progress.add_task(text)
        console = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=100)
        console.print(progress.get_renderable())
        drawn = console.file.getvalue()  # type: ignore[attr-defined]

    assert printable(text) in drawn
    assert all(is_inert(line) for line in drawn.split("\n"))


@pytest.mark.parametrize("text", ["a[/x]/b", "[bold]b", "\x1b]52;c;cm0gLXJm\x07", "a\u202eb\nc"])
def test_a_bundle_that_says_such_things_of_itself_is_shown(bundle_folder: Path, tmp_path: Path, text: str) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(bundle_folder, folder)
    manifest = json.loads((folder / "accel.json").read_text())
    manifest["provenance"]["source"] = text
    (folder / "accel.json").write_text(json.dumps(manifest))
    (folder / "accel.json.sha256").unlink(missing_ok=True)

    done = accel("inspect", "bundle", cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert f"from {printable(text)}" in done.stdout
    assert all(is_inert(line) for line in done.stdout.split("\n"))
    assert json.loads(accel("inspect", "bundle", "--json", cwd=tmp_path).stdout)["manifest"] == manifest


def test_an_error_that_repeats_such_things_is_one_inert_line(tmp_path: Path) -> None:
    done = accel("profiles", "a\x1b]52;c;cm0=\x07[/x]\nb", cwd=tmp_path)

    assert_refused(done, "[/x]", code=2)
    assert is_inert(done.stderr.removesuffix("\n"))


def test_nothing_else_prints() -> None:
    """Beside the programs that we start, whose output is ours to read, and scripts that are a user's own."""
    ours = {LAYERS["bench"] / name for name in ("cli/console.py", "cli/streams.py", "cli/app.py")}
    programs = {LAYERS["bench"] / name for name in ("doctor/probing.py", "scenarios/child.py")}
    folders = [LAYERS["bench"] / name for name in ("codegen/scripts", "peers/adapters")]
    others = [
        file
        for file in LAYERS["bench"].rglob("*.py")
        if file not in ours | programs and not any(file.is_relative_to(folder) for folder in folders)
    ]

    assert [file.name for file in others if "import rich" in (text := file.read_text()) or "from rich" in text] == []
    assert [file.name for file in others for node in ast.walk(ast.parse(file.read_text())) if prints(node)] == []


def prints(node: ast.AST) -> bool:
    """A call of `print`, of typer's `echo`, or of a method of a standard stream."""
    if not isinstance(node, ast.Call):
        return False
    called = ast.unparse(node.func)
    return called in ("print", "typer.echo", "typer.secho") or called.startswith(("sys.stdout.", "sys.stderr."))


def test_an_error_that_quotes_a_whole_file_shows_its_begin_and_end() -> None:
    said = io.StringIO()
    with redirect_stderr(said):
        print_error(f"accel.json: got {'x' * 100_000}: export it again")

    assert len(said.getvalue()) < 2100
    assert said.getvalue().startswith("accel: accel.json: got xxx")
    assert said.getvalue().endswith("xxx: export it again\n")
