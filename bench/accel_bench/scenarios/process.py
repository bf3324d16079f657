"""What goes to the process that draws under load, and what it answers: one line of JSON each."""

from typing import TypeAlias

import msgspec

from accel_bench.plans.trial import Settings, Trial
from accel_bench.records.scenario import Load, ScenarioRun
from accel_runtime.backends import BackendDescription


class Job(msgspec.Struct, frozen=True):
    """One plan under one load.

    Attributes:
        bundle: Its folder.
        load: A server's `qps` of None is set from what single images take.
    """

    bundle: str
    provider: str
    threads: int | None
    options: dict[str, str]
    trial: Trial
    settings: Settings
    prompts: tuple[str, ...]
    load: Load


class Progress(msgspec.Struct, frozen=True, tag=True):
    """So many queries are answered."""

    answered: int


class Finished(msgspec.Struct, frozen=True, tag=True):
    """The load is over."""

    run: ScenarioRun
    backend: BackendDescription


class Failed(msgspec.Struct, frozen=True, tag=True):
    """It was given up, for a reason that stands in one line."""

    reason: str
    exit_code: int


Message: TypeAlias = Progress | Finished | Failed
