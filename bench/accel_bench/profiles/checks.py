"""What the types of a profile cannot say: names that exist, plans that parse, figures that can be."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from accel_bench.plans.guided_calls import GUIDED_CALLS, parse_guided_calls
from accel_bench.profiles.names import is_name
from accel_bench.profiles.schema import Config, Fact, Figure, Peaks, Profile, Published, Target, is_id
from accel_bench.profiles.toml import show, suggest
from accel_runtime.backends import PROVIDER_NAMES
from accel_runtime.backends.onnxruntime.providers import PROVIDERS
from accel_runtime.deep_calls import CALLS_OF_STEP, deep_numbers, parse_deep_calls
from accel_runtime.errors import InputError
from accel_runtime.forecast import MAX_HISTORY

_ANY_SIGN = "score_loss"
_PLANS = "full, every:N with N of 1 or more, or calls:0,3,7"
_NAME = "words of the driver's name for it, such as MI250, or H100 SXM* (no regular expression)"
_ID = "an id of lower-case letters and digits, joined by - or ."
# The one provider whose name a device or precision may follow.
_TAKES_TARGET = "openvino"
_NUMBER = re.compile(r"0|[1-9][0-9]{0,5}")


class Problem(NamedTuple):
    """One thing that is wrong with a profile."""

    keys: tuple[str, ...]
    expected: str
    got: str


def find_problems(profile: Profile) -> Iterator[Problem]:
    """All that is wrong, in the order of the file."""
    yield from _ids(("sources",), profile.sources)
    yield from _device(profile.device, profile.sources)
    yield from _backends(profile)
    yield from _ids(("configs",), profile.configs)
    for name, config in profile.configs.items():
        for problem in _config(name, config, profile):
            yield problem._replace(keys=("configs", name, *problem.keys))


def _ids(keys: tuple[str, ...], table: Mapping[str, object]) -> Iterator[Problem]:
    for name in table:
        if not is_id(name):
            yield Problem(keys, _ID, show(name))


def _device(device: Target, sources: Mapping[str, object]) -> Iterator[Problem]:
    marks = device.marks
    for place, name in enumerate(marks.names):
        if not is_name(name):
            yield Problem(("device", "marks", "names", str(place)), _NAME, show(name))
    if device.kind != "cpu" and not marks.names and not marks.pci_ids:
        yield Problem(("device", "marks"), "names or pci_ids, or nothing could be told from it", "neither")
    facts: dict[tuple[str, ...], Fact | None] = {
        ("memory_bytes",): device.memory_bytes,
        ("bandwidth",): device.bandwidth,
        **{("peak_flops", name): getattr(device.peak_flops, name) for name in Peaks.__struct_fields__},
    }
    for keys, fact in facts.items():
        if fact is not None:
            yield from _listed(("device", *keys, "source"), fact.source, sources)


def _listed(keys: tuple[str, ...], source: str, sources: Mapping[str, object]) -> Iterator[Problem]:
    if source not in sources:
        yield Problem(keys, f"one of the sources {_any(list(sources))}", suggest(source, list(sources)))


def _backends(profile: Profile) -> Iterator[Problem]:
    for place, choice in enumerate(profile.backends):
        keys = ("backends", str(place))
        name, colon, target = choice.provider.partition(":")
        if name not in PROVIDER_NAMES or (colon and (name != _TAKES_TARGET or not target)):
            yield Problem(
                (*keys, "provider"), f"one of {', '.join(PROVIDER_NAMES)}", suggest(choice.provider, PROVIDER_NAMES)
            )
            continue
        known = sorted(PROVIDERS[name].known) if name in PROVIDERS else []
        for option in choice.options:
            if option not in known:
                yield Problem((*keys, "options"), f"one of {name}'s options {_any(known)}", suggest(option, known))


def _config(name: str, config: Config, profile: Profile) -> Iterator[Problem]:
    yield from _plan(config)
    yield from _guided_calls(config)
    yield from _baseline(name, config, profile.configs)
    for key, figure in config.expected.items():
        keys = ("expected", key)
        if key != _ANY_SIGN and figure.value <= 0:
            yield Problem((*keys, "value"), "a number above 0", show(figure.value))
        yield from _evidence(keys, figure, profile)


def _plan(config: Config) -> Iterator[Problem]:
    most = CALLS_OF_STEP * config.steps
    try:
        deep = parse_deep_calls(config.plan)
    except InputError:
        yield Problem(("plan",), _PLANS, show(config.plan))
        return
    if isinstance(deep, tuple) and deep[0] != 0:
        yield Problem(("plan",), "call 0 among the deep ones, and none before it", show(config.plan))
    elif isinstance(deep, tuple) and deep[-1] >= most:
        yield Problem(("plan",), f"calls below {most}, the most that {config.steps} steps make", show(config.plan))
    else:
        yield from _weights(config, deep_numbers(deep, most), most=most)


def _weights(config: Config, deep: Sequence[int], *, most: int) -> Iterator[Problem]:
    for call, weights in config.forecast_weights.items():
        keys = ("forecast_weights", call)
        if not _NUMBER.fullmatch(call) or int(call) in deep or int(call) >= most:
            yield Problem(keys, "the number of a shallow call as key", show(call))
            continue
        past = min(MAX_HISTORY, sum(place < int(call) for place in deep))
        if not 1 <= len(weights) <= past:
            yield Problem(keys, f"1 to {past} weights, of the deep features before it", str(len(weights)))


def _guided_calls(config: Config) -> Iterator[Problem]:
    if not config.guided_calls:
        return
    try:
        _, last = parse_guided_calls(config.guided_calls)
    except InputError:
        yield Problem(("guided_calls",), GUIDED_CALLS, show(config.guided_calls))
        return
    most = CALLS_OF_STEP * config.steps
    if last >= most:
        expected = f"calls below {most}, the most that {config.steps} steps make"
        yield Problem(("guided_calls",), expected, show(config.guided_calls))


def _baseline(name: str, config: Config, configs: Mapping[str, Config]) -> Iterator[Problem]:
    if config.baseline is None:
        compared = [key for key in ("speedup", "psnr_db", "score_loss") if getattr(config.expected, key) is not None]
        if compared:
            yield Problem(("baseline",), f"the id of the config that {compared[0]} compares with", "nothing")
        return
    others = [other for other in configs if other != name]
    if config.baseline not in others:
        yield Problem(("baseline",), f"another config, {_any(others)}", suggest(config.baseline, others))
        return
    baseline = configs[config.baseline]
    if baseline.plan != "full":
        yield Problem(("baseline",), "a config of plan full", f"{config.baseline}, of plan {baseline.plan}")
    if baseline.guided_calls:
        got = f"{config.baseline}, with guided_calls {baseline.guided_calls}"
        yield Problem(("baseline",), "a config that guides every call", got)
    for key in ("model", "weights", "width", "height", "batch"):
        if getattr(baseline, key) != getattr(config, key):
            got = f"{show(getattr(config, key))}, and its baseline has {show(getattr(baseline, key))}"
            yield Problem((key,), "the baseline's", got)


def _evidence(keys: tuple[str, ...], figure: Figure, profile: Profile) -> Iterator[Problem]:
    if isinstance(figure, Published):
        yield from _listed((*keys, "source"), figure.source, profile.sources)
        return
    for key in ("record", "machine", "formula"):
        if getattr(figure, key, None) == "":
            yield Problem((*keys, key), "a name", show(""))


def _any(names: Sequence[str]) -> str:
    return ", ".join(names) or "(there are none)"
