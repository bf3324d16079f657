"""Everything that a scheduler's tables depend on, so that they are compiled once."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, cast

from diffusers import SchedulerMixin

from accel_exporter.schedules.names import step_options

COMPILER_VERSION: Final = 1  # to be raised with every change after which other tables come out


@dataclass(frozen=True, slots=True)
class Content:
    """All that the tables of a scheduler depend on, but for the versions of diffusers and of the compiler.

    Attributes:
        name: Short name.
        class_name: In diffusers.
        config: The scheduler's own, as it will be run.
        step_options: Further arguments of every `step`.
        steps: Step counts that are asked for.
    """

    name: str
    class_name: str
    config: Mapping[str, Any]
    step_options: Mapping[str, object]
    steps: tuple[int, ...]

    @classmethod
    def of(cls, name: str, scheduler: SchedulerMixin, *, steps: tuple[int, ...]) -> "Content":
        """The content of what `compile_all` makes of ``scheduler``, which ``name`` stands for."""
        config: dict[str, Any] = json.loads(cast("Any", scheduler).to_json_string())
        # Class, version and the list of defaults: what they lead to is in the other values.
        kept = {key: value for key, value in config.items() if not key.startswith("_")}
        return cls(name, type(scheduler).__name__, kept, step_options(name, scheduler), steps)

    @property
    def key(self) -> str:
        """A hash that differs wherever anything differs."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]
