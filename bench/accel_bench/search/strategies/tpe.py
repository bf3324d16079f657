"""Optuna suggests, both objectives at once: seconds and distance."""

from dataclasses import dataclass
from os import getpid
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import OptunaError
from optuna.storages import JournalStorage
from optuna.trial import TrialState

from accel_bench.plans.families import POWER_CENTERS, POWER_EXPONENTS, deep_first, deep_last, power, uniform
from accel_bench.search.space import INTERVALS, Ask, Candidate, Proposer, Space
from accel_bench.search.strategies.journal import Journal
from accel_runtime.errors import InputError, first_line
from accel_runtime.plans.forecast import Forecast

_JOURNAL = "optuna.log"
# What Optuna trips over in a file that it did not write.
_FOREIGN = (AssertionError, AttributeError, LookupError, TypeError, ValueError, OptunaError)


@dataclass(frozen=True, slots=True)
class Sampler:
    """A study in the folder of a search, which several processes may work on.

    Attributes:
        name: Name of the study: all that its values depend on, so that they are never mixed.
        trials: Number of trials that the study shall have, all processes and earlier ones together.
    """

    space: Space
    folder: Path
    name: str
    trials: int
    seed: int

    def study(self) -> optuna.Study:
        """Create or resume the study."""
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        storage = self._storage()
        study = optuna.create_study(
            storage=storage, study_name=self.name, directions=["minimize", "minimize"], load_if_exists=True
        )
        # The seed differs in every process, or two would begin with the same guesses.
        study.sampler = optuna.samplers.TPESampler(seed=self.seed + len(study.get_trials(deepcopy=False)) + getpid())
        return study

    def _storage(self) -> JournalStorage:
        path = self.folder / _JOURNAL
        try:
            return JournalStorage(Journal(path))
        except _FOREIGN as error:
            raise InputError(f"{path}: not a journal of Optuna's: {first_line(error)}: delete it") from error

    def suggest(self, trial: optuna.Trial) -> Candidate:
        """A candidate of the space."""
        space = self.space
        steps = trial.suggest_categorical("steps", list(space.calls))
        candidate = self._cached(trial, steps) if space.caches else space.full(steps)
        share = trial.suggest_categorical("guided", [1.0, *space.guided_shares])
        if share == 1.0:
            return candidate
        return space.guided_in_part(candidate, share)

    def _cached(self, trial: optuna.Trial, steps: int) -> Candidate:
        calls = self.space.calls[steps]
        deep = -(-calls // trial.suggest_categorical("interval", [1, *INTERVALS]))
        if deep == calls:
            return self.space.full(steps)
        family = trial.suggest_categorical("family", ["uniform", "power", "first", "last"])
        return self.space.candidate(
            family,
            steps,
            deep=self._place(trial, family, calls=calls, deep=deep),
            branch=trial.suggest_categorical("branch", list(self.space.branches)),
            forecast=Forecast(trial.suggest_categorical("forecast", [each.value for each in Forecast])),
        )

    @staticmethod
    def _place(trial: optuna.Trial, family: str, *, calls: int, deep: int) -> tuple[int, ...]:
        if family == "power":
            center = trial.suggest_float("center", POWER_CENTERS[0] / 50, POWER_CENTERS[-1] / 50) * calls
            exponent = trial.suggest_float("exponent", POWER_EXPONENTS[0], POWER_EXPONENTS[-1])
            return power(calls, deep, center=center, exponent=exponent) or uniform(calls, deep)
        places: dict[str, Any] = {"uniform": uniform, "first": deep_first, "last": deep_last}
        placed: tuple[int, ...] = places[family](calls, deep)
        return placed


def sample(sampler: Sampler, *, batches: int) -> Proposer:
    """Ask for one suggestion after the other, on all batches, until the study has enough.

    Args:
        sampler: Sampler of the study.
        batches: Batches that every candidate is judged on.
    """
    study = sampler.study()
    while len(study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])) < sampler.trials:
        trial = study.ask()
        (answer,) = yield Ask((sampler.suggest(trial),), batches)
        study.tell(trial, [answer.seconds, answer.quality.distance])
