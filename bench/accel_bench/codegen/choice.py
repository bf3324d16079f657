"""The config that a script is written for, and its profile."""

from dataclasses import dataclass

from accel_bench.profiles import Config, Profile, load_profile
from accel_bench.profiles.files import find_profile
from accel_bench.profiles.toml import suggest
from accel_runtime.bundle.bundle import describe_file
from accel_runtime.errors import InputError


@dataclass(frozen=True, slots=True)
class Choice:
    """A config of a profile.

    Attributes:
        profile: The whole profile.
        digest: SHA-256 of the profile's file.
        name: Id of the config.
    """

    profile: Profile
    digest: str
    name: str

    @property
    def config(self) -> Config:
        """The config itself."""
        return self.profile.configs[self.name]

    @property
    def baseline(self) -> Config:
        """The config that its figures compare with; a config without baseline is its own."""
        return self.profile.configs[self.config.baseline or self.name]


def choose(profile: str, name: str) -> Choice:
    """Find the config ``name`` of a profile, which is given by name or path.

    Raises:
        InputError: There is no such profile or config, or the profile breaks the schema.
    """
    choices = all_choices(profile)
    for choice in choices:
        if choice.name == name:
            return choice
    names = [choice.name for choice in choices]
    known = ", ".join(names) or "(there are none)"
    raise InputError(f"profile {profile}: config: expected one of {known}, got {suggest(name, names)}")


def all_choices(profile: str) -> list[Choice]:
    """Every config of a profile, which is given by name or path.

    Raises:
        InputError: There is no such profile, or it breaks the schema.
    """
    loaded = load_profile(profile)
    digest = describe_file(find_profile(profile)).sha256
    return [Choice(loaded, digest, name) for name in loaded.configs]
