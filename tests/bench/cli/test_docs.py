"""Command lines in the docs name options as the help pages do."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from accel_bench.cli.app import app

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# At the start of a line or of a piece of code, perhaps after a prompt.
_COMMAND = re.compile(r"(?:^|\$ |`)\s*accel ([a-z][^`\n]*)", re.MULTILINE)


def command_lines(page: Path) -> Iterator[list[str]]:
    """The words of each command line on a page, without `accel`."""
    for found in _COMMAND.finditer(page.read_text().replace("\\\n", " ")):
        line = re.split(r" [>|#] | 2>", found[1])[0]
        try:
            yield shlex.split(re.sub(r"[\[\]]", "", line))
        except ValueError:
            # Prose that happens to begin so, with an apostrophe.
            continue


def command_of(words: list[str]) -> Any:
    """The command that words run; None for groups and for prose."""
    group: Any = typer.main.get_command(app)
    found = group.commands.get(words[0])
    if words[0] == "bench" and len(words) > 1:
        replayed = any(word.startswith("--profile") for word in words)
        found = found.commands.get(words[1]) or found.commands["replay" if replayed else "run"]
    elif isinstance(found, TyperGroup):
        found = found.commands.get(words[1]) if len(words) > 1 else None
    return found


def test_options_in_the_docs_are_those_of_the_commands() -> None:
    known, unknown = 0, []
    for page in PAGES:
        for words in command_lines(page):
            command = command_of(words)
            if command is None:
                continue
            known += 1
            options = {name for each in command.params for name in (*each.opts, *each.secondary_opts)} | {"--help"}
            named = {word.partition("=")[0] for word in words if re.match(r"--[a-z]", word)}
            unknown += [f"{page.name}: accel {' '.join(words)}: {name}" for name in sorted(named - options)]

    assert known > 100
    assert unknown == []
