"""A search from its opening to its record."""

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from accel_bench.base.files import write_record
from accel_bench.records.bench import BenchRecord
from accel_bench.records.search import Asked, Goal, SearchRecord
from accel_bench.search.finalists import Finish
from accel_bench.search.open import Opening
from accel_bench.search.strategies.choose import Way, choose_strategy
from accel_bench.timing.measure import Patience

if TYPE_CHECKING:
    from accel_bench.quality.scorers import Scorers  # brings torch, which only scoring needs

RECORD: Final = "record.json"
FINALISTS: Final = "finalists.json"


@dataclass(frozen=True, slots=True)
class Found:
    """What a search ends with.

    Attributes:
        record: Of the search.
        finalists: Of their timing.
    """

    record: SearchRecord
    finalists: BenchRecord


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """One search in one folder."""

    opening: Opening
    goal: Goal
    folder: Path
    scorers: "Scorers"
    way: Way
    trials: int
    moves: int
    patience: Patience

    def run(self) -> Generator[str, None, Found]:
        """Go through all of it, yielding what was just done; it may be stopped anywhere and begun again.

        Raises:
            AccelError: The folder is of another search, or something cannot be run.
        """
        opening, batches = self.opening, len(self.opening.prompts.judged)
        space = opening.space()
        driver = yield from opening.driver(self.folder, scorers=self.scorers, score=self.goal.score)
        strategy = yield from choose_strategy(
            self.way, driver, space=space, goal=self.goal, batches=batches, trials=self.trials, moves=self.moves
        )
        yield from driver.run(strategy)
        finish = Finish(driver, self.goal, batches, timed=opening.timed, environment=opening.environment)
        finalists = yield from finish.measure(finish.finalists(), self.patience)
        write_record(self.folder / FINALISTS, finalists)
        chosen = finish.pick()
        record = finish.record(
            self._asked(),
            space=space,
            chosen=chosen,
            finalists=finalists,
        )
        write_record(self.folder / RECORD, record)
        return Found(record, finalists)

    def _asked(self) -> Asked:
        opening = self.opening
        return Asked(
            strategy=self.way.value,
            targets=tuple(target.value for target in opening.targets),
            branches=opening.branches,
            calibration=opening.calibration,
            trials=self.trials if self.way is Way.OPTUNA else None,
            prompts=opening.prompts_from,
            moves=self.moves if self.way is Way.SOLVED else 0,
        )
