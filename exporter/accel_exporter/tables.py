"""The schedule tables of an export: compiled here, or by the helper beside the UNet."""

from collections.abc import Mapping
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import Any, Final

from accel_exporter.helper import Task
from accel_exporter.options import ExportOptions
from accel_exporter.schedules import (
    CompiledScheduler,
    bundled_names,
    compile_one,
    is_compiled,
    own_name,
    resolved_name,
)
from accel_runtime.errors import ExportError
from accel_runtime.manifest import SchedulesSpec
from accel_runtime.schedules.file import SCHEDULE_SUFFIX, write_schedules

_FOLDER: Final = "schedules"


class ScheduleWriter:
    """Compiles a pipeline's schedulers and writes them into a bundle.

    Args:
        folder: Folder of the new bundle.
        config: The pipeline's scheduler config.
        options: Schedulers, and the largest number of steps.
    """

    def __init__(self, folder: Path, config: Mapping[str, Any], options: ExportOptions) -> None:
        self._folder = folder
        self._config = config
        self._asked = options.schedulers
        self._steps = tuple(range(1, options.max_steps + 1))
        self._compiling: dict[str, Task[CompiledScheduler]] = {}

    def hand_to(self, helper: Executor) -> None:
        """Let the helper compile what is not in the store; `write` takes back what it has not come to."""
        for name in self._names():
            if not is_compiled(name, self._config, steps=self._steps):
                self._compiling[name] = Task(helper, partial(compile_one, name, self._config, steps=self._steps))

    def write(self) -> SchedulesSpec:
        """Write every table.

        Raises:
            ExportError: A scheduler that was asked for, or the pipeline's own, cannot be a table.
        """
        (self._folder / _FOLDER).mkdir()
        files = {}
        self._share()
        own = own_name(self._config)
        for name in self._names():
            try:
                files[name] = self._compile(name)
            except ExportError:
                # Under some configs diffusers' DDIM clips, so it is no table. Whoever needs it must know.
                if self._asked is not None or name == own:
                    raise
        # Whoever names schedulers and leaves the pipeline's own out has chosen another one.
        return SchedulesSpec(default=own if own in files else next(iter(files)), files=files)

    def _names(self) -> tuple[str, ...]:
        return tuple(resolved_name(name, self._config) for name in self._asked or bundled_names(self._config))

    def _share(self) -> None:
        """Take back every other scheduler that the helper has not come to: it goes on with the rest."""
        for task in tuple(self._compiling.values())[::-2]:
            task.take_back()

    def _compile(self, name: str) -> str:
        file = f"{_FOLDER}/{name}{SCHEDULE_SUFFIX}"
        task = self._compiling.get(name)
        compiled = task.result() if task else compile_one(name, self._config, steps=self._steps)
        write_schedules(self._folder / file, compiled.tables, metadata=compiled.metadata)
        return file
