"""The schedules of a bundle, by the names that users give them."""

from collections.abc import Mapping
from dataclasses import dataclass

from accel_runtime.bundle.bundle import Bundle
from accel_runtime.schedules.file import OWN_SCHEDULER, MissingTableError, ScheduleFile, first_call
from accel_runtime.schedules.schedule import ScheduleTable


@dataclass(frozen=True, slots=True, eq=False)
class BundleSchedules:
    """All schedule files of a bundle, as they were when it was opened.

    Attributes:
        bundle: The bundle.
        contents: Bytes of each schedule file, by its path in the bundle.
    """

    bundle: Bundle
    contents: Mapping[str, bytes]

    @classmethod
    def read(cls, bundle: Bundle) -> "BundleSchedules":
        """Read all files, which may be gone once more was added to the bundle.

        Raises:
            BundleError: A file cannot be read, or has changed.
        """
        return cls(bundle, {file: bundle.read(file) for file in bundle.manifest.schedules.files.values()})

    def table(self, steps: int, scheduler: str | None = None, *, strength: float | None = None) -> ScheduleTable:
        """The table of a scheduler for a number of steps; see `Pipeline.schedule`.

        Raises:
            MissingTableError: The bundle has no such table.
            InputError: The scheduler cannot start there.
        """
        file = self.file(scheduler)
        begin = 0 if strength is None else first_call(steps, strength, order=file.order)
        return file.table(steps, begin=begin)

    def file(self, scheduler: str | None = None) -> ScheduleFile:
        """All tables of a scheduler, by short name or class in diffusers; None takes the bundle's default.

        Raises:
            MissingTableError: The bundle has none.
        """
        schedules = self.bundle.manifest.schedules
        name = scheduler or schedules.default
        if name in schedules.files:
            return self._decode(schedules.files[name])
        # A class is what its short name means; the pipeline's own may be of the same class with other values.
        for _, path in sorted(schedules.files.items(), key=lambda item: item[0] == OWN_SCHEDULER):
            file = self._decode(path)
            if file.metadata.get("class") == name:
                return file
        raise MissingTableError(f"scheduler {name!r} is not in the bundle: there is {', '.join(schedules.files)}")

    def _decode(self, file: str) -> ScheduleFile:
        return ScheduleFile.decode(self.contents[file], self.bundle.path(file))
