"""Profiles: facts about a device, how to run on it, and the configs found for it (docs/profiles.md).

schema.py      what a profile holds
toml.py        TOML to values, with errors that name key, expected and got
checks.py      what types cannot say
files.py       names and paths to profiles, and profiles to files
names.py       devices by name
recognise.py   whether a profile's device is here
"""

from accel_bench.profiles.files import (
    FOLDER_VARIABLE,
    encode_profile,
    find_profiles,
    list_profiles,
    load_profile,
    user_folder,
)
from accel_bench.profiles.recognise import matches, matching_devices
from accel_bench.profiles.schema import (
    BackendChoice,
    Config,
    Expected,
    Fact,
    Figure,
    Marks,
    Measured,
    Peaks,
    Predicted,
    Profile,
    Published,
    Source,
    Target,
)

__all__ = [
    "FOLDER_VARIABLE",
    "BackendChoice",
    "Config",
    "Expected",
    "Fact",
    "Figure",
    "Marks",
    "Measured",
    "Peaks",
    "Predicted",
    "Profile",
    "Published",
    "Source",
    "Target",
    "encode_profile",
    "find_profiles",
    "list_profiles",
    "load_profile",
    "matches",
    "matching_devices",
    "user_folder",
]
