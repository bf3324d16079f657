"""Rules that decide as the loop runs which calls are deep; docs/design/0027-rules-and-forms.md says why they are so.

rule:noise:0.3:10     deep once the noise has changed by more than 30 %; 10 deep calls at most
"""

import re
from math import isfinite
from typing import Annotated, Final, Literal, get_args

import msgspec
from msgspec import UNSET, Meta, UnsetType

from accel_runtime.errors import InputError
from accel_runtime.plans.deep_calls import MOST_CALLS, DeepCalls, parse_deep_calls

Signal = Literal["noise", "latents"]

SIGNALS: Final[tuple[Signal, ...]] = get_args(Signal)
RULE_EXPECTED: Final = f"rule:SIGNAL:THRESHOLD:MOST with a signal of {', '.join(SIGNALS)}, such as rule:noise:0.3:10"

_TEXT = re.compile(r"rule:([a-z]+):([0-9]{1,6}(?:\.[0-9]{1,12})?):([1-9][0-9]{0,5})")


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a call is deep that the plan leaves open.

    Attributes:
        signal: `noise`: by what share the guided noise changed since the call before (TeaCache's measure,
            arXiv:2411.19108, on the output). `latents`: the second difference of the latents as a share of the first
            (SADA's idea, arXiv:2507.17135).
        threshold: A call is deep once the signal, summed from the last deep call on, is above this.
        most_deep: Deep calls at most, those that the plan numbers among them.
    """

    signal: Signal
    threshold: Annotated[float, Meta(ge=0, le=1e6)]
    most_deep: Annotated[int, Meta(ge=1, le=MOST_CALLS)]

    def __post_init__(self) -> None:
        if not isfinite(self.threshold):
            raise ValueError(f"threshold: expected a finite number, got {self.threshold}")


def parse_rule(text: str) -> Rule:
    """Read the short text that users write.

    Raises:
        InputError: The text is no rule.

    >>> parse_rule("rule:noise:0.3:10")
    Rule(signal='noise', threshold=0.3, most_deep=10)
    """
    match = _TEXT.fullmatch(text)
    for signal in SIGNALS:
        if match and match[1] == signal and int(match[3]) <= MOST_CALLS:
            return Rule(signal=signal, threshold=float(match[2]), most_deep=int(match[3]))
    raise InputError(f"plan {text!r}: expected {RULE_EXPECTED}")


def is_rule(text: str) -> bool:
    """Whether a text is meant as a rule, as all that begins like one is."""
    return text.partition(":")[0] == "rule"


def parse_calls(text: str) -> tuple[DeepCalls, Rule | UnsetType]:
    """The deep calls and the rule of a short text, whichever it is.

    Raises:
        InputError: The text is neither.

    >>> parse_calls("every:3")
    ('every:3', UNSET)
    """
    return ((0,), parse_rule(text)) if is_rule(text) else (parse_deep_calls(text), UNSET)


def rule_text(rule: Rule) -> str:
    """Write what `parse_rule` reads.

    >>> rule_text(Rule(signal="latents", threshold=0.25, most_deep=8))
    'rule:latents:0.25:8'
    """
    threshold = f"{rule.threshold:.12f}".rstrip("0").rstrip(".")
    return f"rule:{rule.signal}:{threshold}:{rule.most_deep}"


def rule_problems(rule: Rule, deep: object, *, parts: dict[str, object]) -> list[str]:
    """What is wrong with a rule beside the other keys of a plan, each in a line.

    Args:
        rule: The rule.
        deep: The plan's deep calls.
        parts: Keys that a rule cannot stand beside, with what the plan has there.
    """
    problems = [f"rule: expected no {name} beside it, got some" for name, part in parts.items() if part]
    if not isinstance(deep, tuple):
        problems.append(f"rule: expected numbers of calls as deep beside it, got {deep!r}")
    elif len(deep) > rule.most_deep:
        problems.append(f"rule.most_deep: expected {len(deep)} or more, as many as deep has, got {rule.most_deep}")
    return problems
