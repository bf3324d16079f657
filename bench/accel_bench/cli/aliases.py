"""Older names of options. They are still read, and no help page shows them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from typer.core import TyperCommand, TyperOption

# A help page with fewer options needs no groups.
_MANY: Final = 8
# What an option was called before → its name, in every command that has it.
_EVERYWHERE: Final = {"--sched": "--scheduler", "--batch-size": "--batch"}
_PLANS: Final = {"--plans": "--plan", "--branches": "--branch", "--forecasts": "--forecast"}
# The same in single commands.
_IN_COMMAND: Final[Mapping[str, Mapping[str, str]]] = {
    "evaluate": {"--prompts": "--num-prompts", **_PLANS},
    "export": {"--format": "--artifact"},
    "search": {"--pipe": "--model", "--num-samples": "--num-prompts", "--branches": "--branch"},
    "run": {"--precision": "--target-error", **_PLANS},
    "replay": {"--precision": "--target-error"},
}


class Command(TyperCommand):
    """A command that reads the older names of its options, and groups options where there are many."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """See `TyperCommand`."""
        super().__init__(*args, **kwargs)
        options = [parameter for parameter in self.params if isinstance(parameter, TyperOption)]
        if len(options) < _MANY:
            for option in options:
                option.rich_help_panel = None

    def get_help_option(self, ctx: Any) -> Any:
        """Put `--help` into the last group of a help page with groups."""
        option = super().get_help_option(ctx)
        panels = [getattr(parameter, "rich_help_panel", None) for parameter in self.params]
        if option is not None and panels and panels[-1]:
            setattr(option, "rich_help_panel", panels[-1])  # noqa: B010  # only Typer's own options declare it
        return option

    # Typer brings its own copy of click's context, whose type it does not export.
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Rename older options, then parse as usual."""
        own = {name for parameter in self.params for name in parameter.opts}
        names = older_names(self.name or "")
        return super().parse_args(ctx, list(renamed(args, {old: new for old, new in names.items() if new in own})))


def older_names(command: str) -> dict[str, str]:
    """The option that each older name stands for in a command."""
    return {**_EVERYWHERE, **_IN_COMMAND.get(command, {})}


def renamed(words: Sequence[str], names: Mapping[str, str]) -> Iterator[str]:
    """The words of a command line with older options renamed; words after ``--`` stay as they are.

    >>> list(renamed(["--sched", "ddim", "--sched=pndm", "--", "--sched"], {"--sched": "--scheduler"}))
    ['--scheduler', 'ddim', '--scheduler=pndm', '--', '--sched']
    """
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        yield names.get(name, name) + equals + value
        if word == "--":
            yield from rest
