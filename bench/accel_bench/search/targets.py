"""What a search may change: the words of `--search-targets`."""

from enum import StrEnum

from accel_runtime.errors import InputError


class Target(StrEnum):
    """What a search may change.

    Calls that are skipped, features that are reused, fewer steps, less guidance, whether a rule decides, whether
    tokens are merged, and whether late calls are gated.
    """

    SCHEDULE = "schedule"
    DEEPCACHE = "deepcache"
    STEPS = "steps"
    GUIDANCE = "guidance"
    RULE = "rule"
    TOME = "tome"
    TGATE = "tgate"


def parse_targets(text: str) -> tuple[Target, ...]:
    """Targets by commas.

    >>> parse_targets("deepcache,steps")
    (<Target.DEEPCACHE: 'deepcache'>, <Target.STEPS: 'steps'>)
    """
    parts = [part.strip() for part in text.split(",")]
    if "precision" in parts:
        raise InputError(
            "--search-targets precision: a bundle's graphs have one: export another with `--dtype`, search in each, "
            "and compare the records with `accel bench report`"
        )
    try:
        return tuple(dict.fromkeys(map(Target, parts)))
    except ValueError:
        raise InputError(f"--search-targets: expected some of {', '.join(Target)} by commas, got {text!r}") from None
