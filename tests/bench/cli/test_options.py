"""One name for one option in all commands; older names are still read, and shown nowhere."""

from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from accel_bench.cli.aliases import older_names
from accel_bench.cli.app import app

# A command of every kind, with the arguments that it must have.
COMMANDS = {
    "generate": ("BUNDLE", "a cat"),
    "evaluate": ("BUNDLE",),
    "export": (),
    "search": ("BUNDLE",),
    "bench run": ("BUNDLE",),
    "bench replay": ("--profile", "cpu"),
    "bench scenario": ("BUNDLE",),
    "plan": ("BUNDLE",),
}

_PLAN = ("--plan", "every:2", "--branch", "1", "--forecast", "hold")


def parsed(command: str, *words: str) -> dict[str, Any]:
    """What a command line gives the command's function."""
    found: Any = typer.main.get_command(app)
    for name in command.split():
        assert isinstance(found, TyperGroup)
        found = found.commands[name]
    params: dict[str, Any] = found.make_context(name, [*COMMANDS[command], *words]).params
    return params


@pytest.mark.parametrize(
    ("command", "older", "newer"),
    [
        ("search", ("--sched", "euler"), ("--scheduler", "euler")),
        ("search", ("--pipe", "tiny"), ("--model", "tiny")),
        ("search", ("--batch-size=4",), ("--batch", "4")),
        ("search", ("--branches", "0,1"), ("--branch", "0,1")),
        ("search", ("--num-samples", "16"), ("--num-prompts", "16")),
        ("export", ("--format", "inductor"), ("--artifact", "inductor")),
        ("evaluate", ("--prompts", "16"), ("--num-prompts", "16")),
        ("evaluate", ("--batch-size", "4"), ("--batch=4",)),
        ("evaluate", ("--plans=every:2", "--branches=1", "--forecasts=hold"), _PLAN),
        ("bench run", ("--plans=every:2", "--branches=1", "--forecasts=hold"), _PLAN),
        ("generate", ("--sched=euler",), ("--scheduler", "euler")),
        ("bench run", ("--precision", "2%"), ("--target-error", "2%")),
        ("bench replay", ("--precision=2%",), ("--target-error", "2%")),
        ("bench scenario", ("--sched", "euler", "--batch-size", "1,4"), ("--scheduler", "euler", "--batch", "1,4")),
    ],
)
def test_an_older_name_of_an_option_means_the_same(
    command: str, older: tuple[str, ...], newer: tuple[str, ...]
) -> None:
    assert parsed(command, *older) == parsed(command, *newer) != parsed(command)


def test_the_first_vocabulary_of_search_is_still_read() -> None:
    words = (
        *("--pipe", "sd15", "--sched", "ddim", "--steps", "50", "--search-targets", "deepcache,steps"),
        *("--num-samples", "64", "--batch-size", "16", "--req-score-loss", "0.05"),
    )

    fast, quick = parsed("search", *words, "--req-speedup", "2.0"), parsed("search", *words, "--req-time", "0.5")

    assert (fast["model"], fast["scheduler"], fast["steps"]) == ("sd15", "ddim", 50)
    assert (fast["search_targets"], fast["num_prompts"], fast["batch"]) == ("deepcache,steps", 64, 16)
    assert (fast["req_speedup"], fast["req_score_loss"], quick["req_time"]) == (2.0, "0.05", 0.5)


@pytest.mark.parametrize("command", COMMANDS)
def test_no_help_page_shows_an_older_name(command: str) -> None:
    found: Any = typer.main.get_command(app)
    for name in command.split():
        found = found.commands[name]
    shown = {option for parameter in found.params for option in parameter.opts}

    assert shown.isdisjoint(older_names(name))


def test_what_follows_two_dashes_is_no_option() -> None:
    assert parsed("generate", "--", "--sched")["prompts"] == ["a cat", "--sched"]


@pytest.mark.parametrize("command", ["search", "bench scenario"])
def test_prompts_are_a_file_in_every_command_that_shows_them(command: str) -> None:
    assert parsed(command, "--prompts", "mine.txt")["prompts"] == Path("mine.txt")
