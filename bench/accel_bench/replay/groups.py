"""Configs that one session can run are timed against their common baseline in the same rounds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from accel_bench.bundle_cache import BundleSpec
from accel_bench.plans.names import plan_name
from accel_bench.plans.prepare import BASELINE
from accel_bench.profiles import Config, Profile
from accel_runtime.backends.choose import INDUCTOR_DEVICES
from accel_runtime.errors import InputError
from accel_runtime.plans.spec import PlanSpec


@dataclass(frozen=True, slots=True)
class Group:
    """Configs of one session and one baseline.

    Attributes:
        work: A config with the settings of all; scheduler and steps of its plan are those of the baseline.
        configs: Configs by id.
    """

    work: Config
    configs: Mapping[str, Config]

    @property
    def plans(self) -> dict[str, PlanSpec]:
        """Plans that are timed, by the config's id."""
        return {name: _plan(config.plan, self.work) for name, config in self.configs.items()}

    @property
    def names(self) -> dict[str, str]:
        """The config's id, by the plan's name in a record."""
        return {plan_name(spec): name for name, spec in self.plans.items()}


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


def group(configs: Mapping[str, Config], known: Mapping[str, Config]) -> tuple[Group, ...]:
    """Put configs together that are timed in the same rounds, in the order of the profile.

    Args:
        configs: Those to run.
        known: All of the profile's, the baselines among them.
    """
    members: dict[tuple[object, ...], dict[str, Config]] = {}
    works: dict[tuple[object, ...], Config] = {}
    for name, config in configs.items():
        work = _work(config, known)
        key = _session(work), work.scheduler, work.steps, work.guidance
        works.setdefault(key, work)
        members.setdefault(key, {})[name] = config
    return tuple(Group(works[key], members[key]) for key in works)


def meets_baseline(config: Config, known: Mapping[str, Config]) -> bool:
    """Whether a config is timed against its own baseline: a session has one precision, and its plans one guidance.

    One that names no baseline is compared with the full UNet, all else being equal.
    """
    if config.baseline is None:
        return True
    baseline = known[config.baseline]
    return (baseline.guidance, baseline.dtype) == (config.guidance, config.dtype)


def _work(config: Config, known: Mapping[str, Config]) -> Config:
    """The config with the scheduler and steps of what it is timed against."""
    baseline = config if config.baseline is None else known[config.baseline]
    if baseline.guidance != config.guidance:
        return config
    plan = msgspec.structs.replace(config.plan, scheduler=baseline.scheduler, steps=baseline.steps)
    return msgspec.structs.replace(config, plan=plan)


def bundle_spec(work: Config, groups: Iterable[Group], *, provider: str) -> BundleSpec:
    """The one bundle that serves every config of the same model and precision as ``work``, and their baselines."""
    configs = [config for each in groups for config in (each.work, *each.configs.values())]
    alike = [each for each in configs if _model(each) == _model(work)]
    return BundleSpec(
        model=work.model,
        weights=work.weights,
        dtype=work.dtype,
        branches=tuple(sorted({branch for each in alike for branch in each.plan.named_branches})),
        schedulers=tuple(sorted({each.scheduler for each in alike})),
        max_steps=max(each.steps for each in alike),
        inductor=INDUCTOR_DEVICES.get(provider),
        tome=tuple(sorted({ratio for each in alike if each.plan.tome for ratio in each.plan.tome.ratios})),
        tgate=any(each.plan.tgate for each in alike),
    )


def _model(config: Config) -> tuple[str, Literal["trained", "random"], str]:
    return config.model, config.weights, config.dtype


def _session(config: Config) -> tuple[object, ...]:
    return *_model(config), config.width, config.height, config.batch


def _plan(plan: PlanSpec, work: Config) -> PlanSpec:
    """The plan of a config, without the scheduler and steps that hold for all; a solved plan keeps them."""
    if plan.solved:
        return plan
    own = msgspec.structs.replace(
        plan,
        scheduler=None if plan.scheduler == work.scheduler else plan.scheduler,
        steps=None if plan.steps == work.steps else plan.steps,
    )
    # Where every call is deep, a branch and a forecast mean nothing, and the plan is the baseline.
    is_full = own.deep == BASELINE.deep
    return msgspec.structs.replace(own, branch=BASELINE.branch, forecast=BASELINE.forecast) if is_full else own
