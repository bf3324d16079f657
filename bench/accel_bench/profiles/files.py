"""Profiles from files and to them."""

from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
import tomlkit

from accel_bench.profiles.checks import find_problems
from accel_bench.profiles.find import find_profile, find_profiles
from accel_bench.profiles.schema import Config, Profile
from accel_bench.profiles.toml import parse_toml, read_toml, refuse, show
from accel_runtime.errors import InputError
from accel_runtime.plan_spec import PlanSpec

_OLDER: Final = 1


def load_profile(name_or_path: str | Path) -> Profile:
    """The profile of a name, shipped or in the user's folder, or of a path.

    Raises:
        InputError: There is none, or it breaks the schema; names file and key, what was expected and what was there.
    """
    return read_profile(find_profile(name_or_path))


def list_profiles() -> tuple[Profile, ...]:
    """Every profile that can be called by name.

    Raises:
        InputError: One of them breaks the schema.
    """
    return tuple(read_profile(path) for path in find_profiles().values())


def read_profile(path: Path) -> Profile:
    """The profile in the file ``path``.

    Raises:
        InputError: As for `load_profile`.
    """
    profile = read_toml(path, Profile, check=partial(_check_format, file=str(path)))
    return _check(profile, file=str(path), name=path.stem)


def parse_profile(text: str, *, file: str, name: str) -> Profile:
    """The profile in a text that ``file``, of this ``name``, shall have.

    Raises:
        InputError: As for `load_profile`.
    """
    profile = parse_toml(text.encode(), Profile, file=file, check=partial(_check_format, file=file))
    return _check(profile, file=file, name=name)


def _check_format(document: dict[str, Any], *, file: str) -> None:
    if document.get("format") == _OLDER:
        expected = "2, where scheduler, steps, branch, forecast, weights and guided calls stand in a config's plan"
        raise InputError(f"{file}: format: expected {expected} (docs/profiles.md), got {_OLDER}")


def _check(profile: Profile, *, file: str, name: str) -> Profile:
    if profile.name != name:
        refuse(file, ("name",), expected=f"the file's name, {show(name)}", got=show(profile.name))
    for problem in find_problems(profile):
        refuse(file, problem.keys, expected=problem.expected, got=problem.got)
    return profile


def encode_profile(profile: Profile) -> bytes:
    """The TOML file of ``profile``; what has its default is left out."""
    document = msgspec.to_builtins(profile) | {"configs": {}}
    for name, config in profile.configs.items():
        document["configs"][name] = config_table(config)
    return tomlkit.dumps(document if profile.configs else msgspec.to_builtins(profile)).encode()


def config_table(config: Config) -> dict[str, Any]:
    """A config as it stands in a file; what has its default is left out."""
    default = PlanSpec(deep=config.plan.deep)
    plan = {
        name: value
        for name, value in msgspec.to_builtins(config.plan, str_keys=True).items()
        if name == "deep" or getattr(config.plan, name) != getattr(default, name)
    }
    table: dict[str, Any] = msgspec.to_builtins(config) | {"plan": plan}
    return table
