"""Configs that differ only in their plans are timed against each other in the same rounds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from accel_bench.profiles import Config, Profile
from accel_bench.replay.bundles import Wanted
from accel_bench.trials import BASELINE, Trial
from accel_runtime.backends.choose import INDUCTOR_DEVICES
from accel_runtime.errors import InputError


@dataclass(frozen=True, slots=True)
class Group:
    """Configs of one workload.

    Attributes:
        work: One of them; what it says besides the plan holds for all.
        trials: By config's id, its plan.
    """

    work: Config
    trials: Mapping[str, Trial]

    @property
    def names(self) -> dict[str, str]:
        """By plan's name in a record, the config's id."""
        return {trial.name: name for name, trial in self.trials.items()}


def choose_configs(profile: Profile, ids: Sequence[str]) -> dict[str, Config]:
    """The configs asked for; all of them where none is.

    Raises:
        InputError: The profile has no such config, or none at all.
    """
    if not profile.configs:
        raise InputError(f"profile {profile.name} has no configs to run")
    for name in ids:
        if name not in profile.configs:
            raise InputError(f"profile {profile.name} has no config {name!r}: it has {', '.join(profile.configs)}")
    return {name: profile.configs[name] for name in ids or profile.configs}


def group(configs: Mapping[str, Config]) -> tuple[Group, ...]:
    """Put configs of one workload together, in the order of the profile."""
    members: dict[tuple[object, ...], dict[str, Config]] = {}
    for name, config in configs.items():
        members.setdefault(_workload(config), {})[name] = config
    return tuple(
        Group(next(iter(each.values())), {name: _trial(config) for name, config in each.items()})
        for each in members.values()
    )


def wanted_bundle(work: Config, configs: Iterable[Config], *, provider: str) -> Wanted:
    """The one bundle that serves every config of the same model and precision as ``work``."""
    alike = [each for each in configs if _model(each) == _model(work)]
    return Wanted(
        model=work.model,
        weights=work.weights,
        dtype=work.dtype,
        branches=tuple(sorted({each.branch for each in alike})),
        schedulers=tuple(sorted({each.scheduler for each in alike})),
        max_steps=max(each.steps for each in alike),
        inductor=INDUCTOR_DEVICES.get(provider),
    )


def _model(config: Config) -> tuple[str, Literal["trained", "random"], str]:
    return config.model, config.weights, config.dtype


def _workload(config: Config) -> tuple[object, ...]:
    return (
        *_model(config),
        config.width,
        config.height,
        config.batch,
        config.scheduler,
        config.steps,
        config.guidance,
    )


def _trial(config: Config) -> Trial:
    return BASELINE if config.plan == BASELINE.plan else Trial(config.plan, config.branch, config.forecast)
