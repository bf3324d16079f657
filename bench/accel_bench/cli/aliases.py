"""Older names of options. They are still read, and no help page shows them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from typer.core import TyperCommand

# What an option was called before → its name, in every command that has it.
_EVERYWHERE: Final = {"--sched": "--scheduler", "--batch-size": "--batch"}
# The same in single commands.
_IN_COMMAND: Final[Mapping[str, Mapping[str, str]]] = {
    "evaluate": {"--prompts": "--num-prompts"},
    "search": {"--pipe": "--model", "--num-samples": "--num-prompts"},
    "run": {"--precision": "--target-error"},
    "replay": {"--precision": "--target-error"},
}


class Command(TyperCommand):
    """A command that reads the older names of its options."""

    # Typer brings its own copy of click's context, whose type it does not export.
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Rename, then parse."""
        own = {name for parameter in self.params for name in parameter.opts}
        names = older_names(self.name or "")
        return super().parse_args(ctx, list(renamed(args, {old: new for old, new in names.items() if new in own})))


def older_names(command: str) -> dict[str, str]:
    """By older name, the option that a command calls otherwise now."""
    return {**_EVERYWHERE, **_IN_COMMAND.get(command, {})}


def renamed(words: Sequence[str], names: Mapping[str, str]) -> Iterator[str]:
    """The words of a command line with older options by their names; what follows ``--`` stays.

    >>> list(renamed(["--sched", "ddim", "--sched=pndm", "--", "--sched"], {"--sched": "--scheduler"}))
    ['--scheduler', 'ddim', '--scheduler=pndm', '--', '--sched']
    """
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        yield names.get(name, name) + equals + value
        if word == "--":
            yield from rest
