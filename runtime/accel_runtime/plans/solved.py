"""What a plan with skipped calls brings of its own: solved coefficients, and what they were solved for.

A skipped call runs no graph. The call before it jumps over it: its solved row gives the latents after the skipped
calls, from the latents and the guided noises of the calls that run. See docs/design/0020-skips.md.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import isfinite
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from accel_runtime.manifest.basics import Sha256, Side
from accel_runtime.plans.deep_calls import DeepCalls
from accel_runtime.plans.plan import MOST_GUIDANCE

# As many as any bundled scheduler without draws weighs, so that its own rows can be written too.
MOST_LATENTS: Final = 3
MOST_NOISES: Final = 5

Coefficient = Annotated[float, Meta(ge=-1e6, le=1e6)]


class SolvedRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The coefficients of a call that runs; they give the latents of the next call that runs.

    Attributes:
        a: Weights of the latents at this call and at the running calls before it, newest first.
        b: Weights of the guided noises of this call and of the running calls before it, newest first.
    """

    a: Annotated[tuple[Coefficient, ...], Meta(min_length=1, max_length=MOST_LATENTS)]
    b: Annotated[tuple[Coefficient, ...], Meta(min_length=1, max_length=MOST_NOISES)]


class SolvedFor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the rows and the placement of a plan were solved for, beside its scheduler and steps.

    Attributes:
        model: Hash of the model's weights, 64 hexadecimal digits.
        guidance: Scale of classifier-free guidance.
        height: Height of the images in pixels.
        width: Width of the images in pixels.
    """

    model: Sha256
    guidance: Annotated[float, Meta(ge=-MOST_GUIDANCE, le=MOST_GUIDANCE)]
    height: Side
    width: Side


def skip_problems(skip: Sequence[int], deep: DeepCalls) -> Iterator[str]:
    """What is wrong with the numbers of the skipped calls, each in a line."""
    if not skip:
        return
    if isinstance(deep, str):
        yield f"skip: expected numbers of calls as deep beside skipped calls, got the rule {deep!r}"
    elif met := sorted(set(skip) & set(deep)):
        yield f"skip: call {met[0]} is deep: expected numbers of calls that run no graph"
    if skip[0] <= 0:
        yield f"skip: expected numbers from 1 on, got {skip[0]}"
    if any(one >= other for one, other in pairwise(skip)):
        yield "skip: expected ascending numbers, each once"


def row_problems(rows: Mapping[int, SolvedRow], skip: Sequence[int], deep: DeepCalls) -> Iterator[str]:
    """What is wrong with the solved rows, each in a line.

    Args:
        rows: Solved rows by call, ascending.
        skip: The skipped calls.
        deep: The deep calls.
    """
    if not rows:
        if skip:
            yield "rows: expected a solved row for every call that runs, as calls are skipped, got none"
        return
    if isinstance(deep, str):
        yield f"rows: expected numbers of calls as deep beside solved rows, got the rule {deep!r}"
        return
    yield from _missing_rows(rows, skip=skip, deep=deep)
    for before, (call, row) in enumerate(rows.items()):
        yield from _weight_problems(f"rows.{call}.a", row.a, most=min(MOST_LATENTS, before + 1))
        yield from _weight_problems(f"rows.{call}.b", row.b, most=min(MOST_NOISES, before + 1))


def _missing_rows(rows: Mapping[int, SolvedRow], *, skip: Sequence[int], deep: Sequence[int]) -> Iterator[str]:
    if met := sorted(rows.keys() & set(skip)):
        yield f"rows.{met[0]}: expected the number of a call that runs as key, got that of a skipped one"
    last = max((*rows, *skip, *deep))
    if missing := sorted(set(range(last + 1)) - rows.keys() - set(skip)):
        yield f"rows: expected a solved row for every call that runs, got none for call {missing[0]}"


def _weight_problems(key: str, weights: Sequence[float], *, most: int) -> Iterator[str]:
    if not 1 <= len(weights) <= most:
        yield f"{key}: expected 1 to {most} weights, of this call and the running ones before it, got {len(weights)}"
    if not all(isfinite(weight) for weight in weights):
        yield f"{key}: expected finite numbers"
