"""Profiles from files and to them."""

from pathlib import Path

import msgspec
import tomlkit

from accel_bench.profiles.checks import find_problems
from accel_bench.profiles.find import find_profile, find_profiles
from accel_bench.profiles.schema import Profile
from accel_bench.profiles.toml import parse_toml, read_toml, refuse, show


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
    return _check(read_toml(path, Profile), file=str(path), name=path.stem)


def parse_profile(text: str, *, file: str, name: str) -> Profile:
    """The profile in a text that ``file``, of this ``name``, shall have.

    Raises:
        InputError: As for `load_profile`.
    """
    return _check(parse_toml(text.encode(), Profile, file=file), file=file, name=name)


def _check(profile: Profile, *, file: str, name: str) -> Profile:
    if profile.name != name:
        refuse(file, ("name",), expected=f"the file's name, {show(name)}", got=show(profile.name))
    for problem in find_problems(profile):
        refuse(file, problem.keys, expected=problem.expected, got=problem.got)
    return profile


def encode_profile(profile: Profile) -> bytes:
    """The TOML file of ``profile``; what has its default is left out."""
    return tomlkit.dumps(msgspec.to_builtins(profile)).encode()
