"""The calls of a plan as blocks of equal width."""

from accel_bench.records.parts import PlanFacts
from accel_bench.report.charts.axis import Axis, grid_across
from accel_bench.report.charts.stages import legend
from accel_bench.report.charts.svg import Figure, Key, Line, Rect, Shape
from accel_bench.report.words import amount

_TOP, _BLOCK = 6, 26


def call_strip(name: str, title: str, facts: PlanFacts) -> Figure:
    """Deep and shallow calls in a row. Where not all calls are guided, a second row shows the guided ones."""
    deep = set(facts.deep_calls)
    bottom = _TOP + _BLOCK + (10 if facts.plan.guided_calls is not None else 4)
    shapes = grid_across(Axis(0, facts.calls), top=_TOP, bottom=bottom, unit="")
    shapes += [_block(call, facts.calls, kind="deep" if call in deep else "shallow") for call in range(facts.calls)]
    kinds = {"deep"} if len(deep) == facts.calls else {"deep", "shallow"}
    keys = legend(kinds)
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
        description=f"{amount(facts.calls, 'call')}, deep are {', '.join(map(str, facts.deep_calls))}{guided}",
        height=bottom + 22,
        shapes=shapes,
        legend=keys,
    )


def _block(call: int, calls: int, *, kind: str) -> Shape:
    return Rect(100 * call / calls, _TOP, 100 / calls, _BLOCK, f"block {kind}", f"call {call}: {kind}")
