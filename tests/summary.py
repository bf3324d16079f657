"""What a run says at its end of tests that this machine could not run."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

# So on every machine: schedulers that diffusers itself cannot run at a step count, and examples that are not to be run.
_ANYWHERE: Final = ("diffusers: ", "all tests skipped by +SKIP")


def not_run(skipped: Iterable[Any]) -> Iterator[str]:
    """A line for each reason, the most frequent first, from pytest's reports of skipped tests."""
    reasons = Counter(reason for report in skipped if not (reason := reason_of(report)).startswith(_ANYWHERE))
    for reason, count in reasons.most_common():
        yield f"{count} {'test' if count == 1 else 'tests'}: {reason}"


def reason_of(report: Any) -> str:
    """Why a test was skipped.

    >>> from types import SimpleNamespace
    >>> reason_of(SimpleNamespace(longrepr=("tests/test_a.py", 3, "Skipped: no browser")))
    'no browser'
    """
    _, _, reason = report.longrepr
    return str(reason).removeprefix("Skipped: ")
