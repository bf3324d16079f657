"""Profiles by name or path, read from their files and written to them."""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
import tomlkit
import typer

from accel_bench.profiles.checks import find_problems
from accel_bench.profiles.schema import Config, Profile
from accel_bench.profiles.toml import parse_toml, read_toml, refuse, show, suggest
from accel_runtime.errors import InputError
from accel_runtime.plans.spec import PlanSpec

_PACKAGE = Path(__file__).parents[1]
_SUFFIX = ".toml"
_OLDER: Final = 1

# Names the user's folder; the default is `accel/profiles` in the platform's settings folder.
FOLDER_VARIABLE = "ACCEL_PROFILES"


def load_profile(name_or_path: str | Path) -> Profile:
    """Load a profile by path, or by name from the shipped profiles and the user's folder.

    Raises:
        InputError: There is none, or it breaks the schema; the message names the file, the key, what was expected and
            what was given.
    """
    return read_profile(find_profile(name_or_path))


def list_profiles() -> tuple[Profile, ...]:
    """Load every profile that has a name.

    Raises:
        InputError: One of them breaks the schema.
    """
    return tuple(read_profile(path) for path in find_profiles().values())


def read_profile(path: Path) -> Profile:
    """Read the profile in the file ``path``.

    Raises:
        InputError: As for `load_profile`.
    """
    profile = read_toml(path, Profile, check=partial(_check_format, file=str(path)))
    return _check(profile, file=str(path), name=path.stem)


def parse_profile(text: str, *, file: str, name: str) -> Profile:
    """Parse a profile that is not written yet.

    Args:
        text: TOML.
        file: File that errors name.
        name: Name that the profile must have.

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
    """Write ``profile`` as TOML; values that are defaults are left out."""
    document = msgspec.to_builtins(profile) | {"configs": {}}
    for name, config in profile.configs.items():
        document["configs"][name] = config_table(config)
    return tomlkit.dumps(document if profile.configs else msgspec.to_builtins(profile)).encode()


def config_table(config: Config) -> dict[str, Any]:
    """The TOML table of a config; values that are defaults are left out."""
    default = PlanSpec(deep=config.plan.deep)
    plan = {
        name: value
        for name, value in msgspec.to_builtins(config.plan, str_keys=True).items()
        if name == "deep" or getattr(config.plan, name) != getattr(default, name)
    }
    table: dict[str, Any] = msgspec.to_builtins(config) | {"plan": plan}
    return table


def shipped_folder(package: Path = _PACKAGE) -> Path:
    """The folder of the shipped profiles: beside the code in a wheel, at the root in a checkout."""
    installed = package / "_profiles"
    return installed if installed.is_dir() else package.parents[1] / "profiles"


def user_folder() -> Path:
    """The folder of the user's profiles."""
    chosen = os.environ.get(FOLDER_VARIABLE)
    return Path(chosen) if chosen else Path(typer.get_app_dir("accel")) / "profiles"


def find_profiles() -> dict[str, Path]:
    """The files of all profiles by name, sorted.

    Raises:
        InputError: Two profiles have the same name.
    """
    return _by_name((shipped_folder(), user_folder()))


def find_profile(name_or_path: str | Path) -> Path:
    """The file of a profile. A text that ends in `.toml` or contains a folder is a path, any other one a name.

    Raises:
        InputError: There is no such profile, or there are two of that name.
    """
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith(_SUFFIX) or Path(text).name != text:
        return Path(name_or_path)
    known = find_profiles()
    if text not in known:
        hint = suggest(text, list(known))
        raise InputError(f"profile: expected one of {', '.join(known)}, or the path of a .toml file, got {hint}")
    return known[text]


def _by_name(folders: Sequence[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in (path for folder in folders for path in sorted(folder.glob(f"*{_SUFFIX}"))):
        # A shipped name stands for published figures, so a user's file must not silently replace it.
        if path.stem in found:
            raise InputError(f"profile {path.stem}: expected one file, got {found[path.stem]} and {path}: rename yours")
        found[path.stem] = path
    return dict(sorted(found.items()))
