"""Checks of a profile that its types cannot express: names that exist, plans that parse, figures that are possible."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from accel_bench.profiles.names import is_name
from accel_bench.profiles.schema import Config, Fact, Figure, Peaks, Profile, Published, Target, is_id
from accel_bench.profiles.toml import show, suggest
from accel_runtime.backends import PROVIDER_NAMES
from accel_runtime.backends.onnxruntime.providers import PROVIDERS
from accel_runtime.errors import InputError
from accel_runtime.plans.deep_calls import CALLS_OF_STEP, FULL, deep_calls_text
from accel_runtime.plans.spec import PlanSpec, check_calls

_ANY_SIGN = "score_loss"
_NAME = "words of the driver's name for it, such as MI250, or H100 SXM* (no regular expression)"
_ID = "an id of lower-case letters and digits, joined by - or ."
# The only provider whose name may be followed by a device or a precision.
_TAKES_TARGET = "openvino"


class Problem(NamedTuple):
    """One thing that is wrong with a profile."""

    keys: tuple[str, ...]
    expected: str
    got: str


def find_problems(profile: Profile) -> Iterator[Problem]:
    """Yield every problem, in the order of the file."""
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
        yield Problem(("device", "marks"), "names or pci_ids, which recognise the device", "neither")
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
    yield from _plan(config.plan)
    yield from _baseline(name, config, profile.configs)
    for key, figure in config.expected.items():
        keys = ("expected", key)
        if key != _ANY_SIGN and figure.value <= 0:
            yield Problem((*keys, "value"), "a number above 0", show(figure.value))
        yield from _evidence(keys, figure, profile)


def _plan(plan: PlanSpec) -> Iterator[Problem]:
    if not plan.scheduler:
        yield Problem(("plan", "scheduler"), "the name of a scheduler", "nothing")
    if plan.steps is None:
        yield Problem(("plan", "steps"), "a number of steps", "nothing")
        return
    most = CALLS_OF_STEP * plan.steps
    try:
        check_calls(plan, most)
    except InputError as error:
        expected = f"calls below {most}, the most that {plan.steps} steps make"
        yield Problem(("plan",), expected, str(error).removeprefix("plan: "))


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
    if baseline.plan.deep != FULL or baseline.plan.tome or baseline.plan.tgate:
        got = f"{config.baseline}, of plan {deep_calls_text(baseline.plan.deep)}"
        yield Problem(("baseline",), "a config of plan full", got)
    if baseline.plan.guided_calls is not None:
        got = f"{config.baseline}, with guided_calls {list(baseline.plan.guided_calls)}"
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
