"""The calls of a plan as blocks of equal width."""

from collections.abc import Sequence

from accel_bench.records.parts import PlanFacts
from accel_bench.report.charts.axis import Axis, grid_across
from accel_bench.report.charts.stages import legend
from accel_bench.report.charts.svg import Figure, Key, Line, Rect, Shape
from accel_bench.report.words import amount

_TOP, _BLOCK = 6, 26
_LOW = 5  # of a call that costs nothing


def call_strip(name: str, title: str, facts: PlanFacts) -> Figure:
    """All calls in a row; skipped ones are low. Where not all calls are guided, a second row shows the guided ones."""
    kinds = _kinds(facts)
    bottom = _TOP + _BLOCK + (10 if facts.plan.guided_calls is not None else 4)
    shapes = grid_across(Axis(0, facts.calls), top=_TOP, bottom=bottom, unit="")
    shapes += [_block(call, facts.calls, kind=kind) for call, kind in enumerate(kinds)]
    keys = legend(set(kinds))
    guided = ""
    if facts.plan.guided_calls is not None:
        first, last = facts.plan.guided_calls
        guided = f"; guided from call {first} to {last}"
        y = _TOP + _BLOCK + 6
        shapes.append(Line(100 * first / facts.calls, y, 100 * (last + 1) / facts.calls, y, "whisker", guided[2:]))
        keys.append(Key("whisker", "guided calls"))
    return Figure(
        name=name,
        title=title,
        description=f"{amount(facts.calls, 'call')}, deep are {_numbers(facts.deep_calls)}{_skips(facts)}{guided}",
        height=bottom + 22,
        shapes=shapes,
        legend=keys,
    )


def _kinds(facts: PlanFacts) -> list[str]:
    """The kind of each call."""
    kinds = dict.fromkeys(facts.deep_calls, "deep") | dict.fromkeys(facts.plan.skip, "skipped")
    return [kinds.get(call, "shallow") for call in range(facts.calls)]


def _block(call: int, calls: int, *, kind: str) -> Shape:
    height = _LOW if kind == "skipped" else _BLOCK
    y = _TOP + _BLOCK - height
    return Rect(100 * call / calls, y, 100 / calls, height, f"block {kind}", f"call {call}: {kind}")


def _skips(facts: PlanFacts) -> str:
    """Which calls of a plan with skipped ones are shallow, and how many are skipped."""
    if not facts.plan.skip:
        return ""
    shallow = f", shallow are {_numbers(facts.shallow_calls)}" if facts.shallow_calls else ""
    return f"{shallow}, {len(facts.plan.skip)} are skipped"


def _numbers(calls: Sequence[int]) -> str:
    return ", ".join(map(str, calls))
