"""Profiles: a device's facts, how to run on it, and the configs found for it (docs/profiles.md).

schema.py        what a profile holds
strict.py        plain data to values, with errors that name key, expected and got
expectation.py   the `expected` of those errors
checks.py        what types cannot say
find.py          names to files
files.py         files to profiles and back
names.py         devices by name
recognise.py     whether a profile's device is here
"""

from accel_bench.profiles.files import encode_profile, list_profiles, load_profile
from accel_bench.profiles.find import FOLDER_VARIABLE, find_profiles, user_folder
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
