"""`accel profiles`."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import msgspec
import typer

from accel_bench.base.table import Heading, Table, prose, words
from accel_bench.base.text import guided_calls_text
from accel_bench.cli.console import print_json, print_line, print_table
from accel_bench.cli.options import AsJson
from accel_bench.doctor.devices import Device, read_devices
from accel_bench.plans.names import branch_name, calls_name
from accel_bench.profiles import (
    Config,
    Fact,
    Profile,
    Target,
    list_profiles,
    load_profile,
    matches,
    user_folder,
)
from accel_runtime.plans.deep_calls import FULL

_HEADINGS = {
    "latency_s": "seconds",
    "steps_per_s": "steps/s",
    "speedup": Heading.SPEEDUP,
    "psnr_db": Heading.PSNR.with_unit,
    "score_loss": Heading.SCORE_LOSS,
}


def profiles(
    name: Annotated[str | None, typer.Argument(help="A profile's name or file; without it, all are listed.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List the profiles of devices, or show one: the device, its backends, its configs and their expected figures."""
    devices = read_devices()
    shown = list_profiles() if name is None else (load_profile(name),)
    if as_json:
        documents = [_document(profile, devices) for profile in shown]
        print_json(documents if name is None else documents[0])
    elif name is None:
        print_table(_list_table(shown, devices))
        print_line(f"yours are looked for in {user_folder()}")
    else:
        _print(shown[0], devices)


def _document(profile: Profile, devices: tuple[Device, ...]) -> dict[str, Any]:
    return {"here": _is_here(profile, devices), **msgspec.to_builtins(profile)}


def _is_here(profile: Profile, devices: tuple[Device, ...]) -> bool:
    return any(matches(profile.device, device) for device in devices)


def _list_table(shown: tuple[Profile, ...], devices: tuple[Device, ...]) -> Table:
    rows = (
        (
            profile.name,
            profile.title,
            profile.device.unit,
            "yes" if _is_here(profile, devices) else "no",
            str(len(profile.configs)),
        )
        for profile in shown
    )
    return Table("Profiles", words("name", "title", "figures are of one", "here", "configs"), tuple(rows))


def _print(profile: Profile, devices: tuple[Device, ...]) -> None:
    print_line(f"{profile.name}: {profile.title}{'; it is here' if _is_here(profile, devices) else '; it is not here'}")
    for text in (profile.note, profile.device.note, *_facts(profile.device)):
        if text:
            print_line(text)
    print_table(_backend_table(profile))
    for table in _config_tables(profile):
        print_table(table)
    for name, source in profile.sources.items():
        print_line(f"{name}: {source.title} {source.url}".rstrip())


def _facts(device: Target) -> list[str]:
    peaks = ((precision, device.peak_flops.of(precision)) for precision in device.peak_flops.__struct_fields__)
    rows = (
        ("memory", device.memory_bytes, 1e9, "GB"),
        ("bandwidth", device.bandwidth, 1e12, "TB/s"),
        *((f"peak {precision}", fact, 1e12, "TFLOP/s") for precision, fact in peaks),
    )
    return [_fact(name, fact, scale=scale, unit=unit) for name, fact, scale, unit in rows if fact]


def _fact(name: str, fact: Fact, *, scale: float, unit: str) -> str:
    note = f": {fact.note}" if fact.note else ""
    return f"{name} {fact.value / scale:.4g} {unit} ({fact.source}{note})"


def _backend_table(profile: Profile) -> Table:
    rows = (
        (choice.provider, " ".join(f"{key}={value}" for key, value in choice.options.items()), choice.note)
        for choice in profile.backends
    )
    columns = (*words("provider"), *prose("options", "note"))
    return Table("Backends, the first that works", columns, tuple(rows))


def _config_tables(profile: Profile) -> Iterator[Table]:
    """A table for each group of configs that differ only in batch and plan."""
    groups: dict[str, dict[str, Config]] = {}
    for name, config in profile.configs.items():
        groups.setdefault(_setting(config), {})[name] = config
    for setting, configs in groups.items():
        yield _config_table(setting, configs)


def _setting(config: Config) -> str:
    weights = " of random weights" if config.weights == "random" else ""
    size = f"{config.width}×{config.height}, {config.dtype}"
    return f"{config.model}{weights}, {size}, {config.scheduler} {config.steps} steps, guidance {config.guidance:g}"


def _config_table(setting: str, configs: dict[str, Config]) -> Table:
    known = {key for config in configs.values() for key, _ in config.expected.items()}
    shown = [key for key in _HEADINGS if key in known]
    headings = ("config", "batch", "plan", *(_HEADINGS[key] for key in shown))
    rows = (_config_cells(name, config, shown) for name, config in configs.items())
    return Table(setting, (*words(*headings), *prose("figures are")), tuple(rows))


def _config_cells(name: str, config: Config, shown: Sequence[str]) -> tuple[str, ...]:
    figures = dict(config.expected.items())
    cells = [f"{figures[key].value:g}" if key in figures else "" for key in shown]
    return name, str(config.batch), _plan(config), *cells, _origins(config)


def _origins(config: Config) -> str:
    """Where the config's figures come from: the most common origin, then the figures of another one."""
    kinds = {_HEADINGS[key]: figure.kind for key, figure in config.expected.items()}
    most = max(kinds.values(), key=list(kinds.values()).count, default="not known")
    return ", ".join([most, *(f"{heading} {kind}" for heading, kind in kinds.items() if kind != most)])


def _plan(config: Config) -> str:
    """The plan in words that tell configs apart; weights are just `weights`."""
    plan = config.plan
    words = [calls_name(plan)]
    if plan.deep != FULL and not plan.rows:
        words += [f"k={branch_name(plan)}", "weights" if plan.weights else plan.forecast.value]
    guided = [] if plan.guided_calls is None else [f"guided {guided_calls_text(plan.guided_calls)}"]
    return " ".join([*words, *guided])
