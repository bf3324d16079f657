"""What a run says at its end of tests that this machine could not run."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any


def not_run(skipped: Iterable[Any]) -> Iterator[str]:
    """A line for each reason, the most frequent first, from pytest's reports of skipped tests."""
    reasons = Counter(reason_of(report) for report in skipped)
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
