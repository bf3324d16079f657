"""Write a config as a standalone script, with a header that says where it comes from and how to run it."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from accel_bench.codegen.choice import Choice
from accel_bench.codegen.settings import default_bundle, diffusers_settings, hub_id, runtime_settings, scheduler_class
from accel_bench.codegen.solved import solved_settings
from accel_bench.codegen.template import COMMAND, fill
from accel_bench.profiles import Figure, Measured, Published
from accel_runtime.backends.choose import INDUCTOR_DEVICES
from accel_runtime.errors import InputError
from accel_runtime.plans.spec import PlanSpec

DEFAULT_PROMPT: Final = "a photo of a squirrel on a mossy log"

# The folder and the variant of the built-in model, which no hub has.
_OWN_FOLDER: Final = "the folder sources/architectures/{model} of the installed package accel_exporter"
_OWN_VARIANT: Final = "fp16"
# The end of what `scripts/run_runtime.py` imports of accel_runtime.
_LAST_IMPORT: Final = "Request, open_bundle"
_NAMES: Final = {
    "latency_s": "{:g} s for a batch",
    "steps_per_s": "{:g} steps a second",
    "speedup": "a speed-up of {:g}",
    "psnr_db": "{:g} dB PSNR to the baseline",
    "score_loss": "a score loss of {:g}",
}


class Target(StrEnum):
    """The library that a script runs on."""

    RUNTIME = "runtime"
    DIFFUSERS = "diffusers"


@dataclass(frozen=True, slots=True)
class Defaults:
    """Defaults of a script's own command line.

    Attributes:
        prompt: Prompt.
        bundle: Bundle of `runtime` scripts; None for the folder that `accel export` writes.
        model: Folder or hub id for `diffusers` scripts; None for the config's model.
    """

    prompt: str = DEFAULT_PROMPT
    bundle: str | None = None
    model: str | None = None


def generate_script(choice: Choice, target: Target, *, defaults: Defaults, name: str) -> str:
    """Make the source of a script that runs the config.

    Args:
        choice: The config.
        target: The library that the script runs on.
        defaults: Defaults of the script's own command line.
        name: File of the script, for the line that says how to run it.

    Raises:
        InputError: The config's plan has a rule; or, for diffusers, several branches, or a scheduler without a name.
        MissingExtraError: A script for diffusers needs names from the `export` extra, which is not installed.
    """
    if choice.config.plan.rule:
        raise InputError(f"config {choice.name}: no script decides as it runs: take `accel generate`")
    if target is Target.RUNTIME:
        return _for_runtime(choice, defaults, name=name)
    return _for_diffusers(choice, defaults, name=name)


def _for_runtime(choice: Choice, defaults: Defaults, *, name: str) -> str:
    own = "Needs accel-sd and the bundle that BUNDLE names."
    needs = [own] if defaults.bundle else ["Needs accel-sd and a bundle:", export_command(choice)]
    header = [*describe_choice(choice), needs, ["Run it with", script_command(name)]]
    settings = runtime_settings(choice, prompt=defaults.prompt, bundle=defaults.bundle)
    return _importing(fill("run_runtime", header=header, settings=settings), choice.config.plan)


def _importing(source: str, plan: PlanSpec) -> str:
    """The source with the imports of what a plan with solved rows or merged tokens is made of."""
    parts = {"SolvedFor": plan.solved_for, "SolvedRow": plan.rows, "Tome": plan.tome}
    names = [name for name, part in parts.items() if part]
    return source.replace(_LAST_IMPORT, ", ".join(["Request", *names, "open_bundle"]), 1)


def _for_diffusers(choice: Choice, defaults: Defaults, *, name: str) -> str:
    if choice.config.plan.branches:
        raise InputError(f"config {choice.name}: a script for diffusers has one branch: write one for runtime")
    if choice.config.plan.tome and choice.config.plan.tome.calls:
        raise InputError(
            f"config {choice.name}: a script for diffusers merges as many tokens in all calls: write one for runtime"
        )
    if choice.config.plan.rows and choice.config.plan.tgate:
        raise InputError(f"config {choice.name}: a script for diffusers gates no solved plan: write one for runtime")
    if choice.config.plan.rows:
        return _solved_for_diffusers(choice, defaults, name=name)
    scheduler = scheduler_class(choice.config.scheduler)
    model = defaults.model or hub_id(choice.config.model)
    header = [*describe_choice(choice), tuple(_needs(choice, model))]
    if not scheduler.keeps_seeds:
        header.append((f"{scheduler.name} draws its noise by itself: a seed gives another picture than accel's.",))
    header.append(_run_with(name, model))
    variant = _OWN_VARIANT if model is None else None
    settings = diffusers_settings(choice, prompt=defaults.prompt, model=model, variant=variant, scheduler=scheduler)
    return fill("run_diffusers", header=header, settings=settings, kinds=("plain", *_patched(choice)))


def _solved_for_diffusers(choice: Choice, defaults: Defaults, *, name: str) -> str:
    """The script whose scheduler runs the solved rows, whatever scheduler the model brings."""
    model = defaults.model or hub_id(choice.config.model)
    variant = _OWN_VARIANT if model is None else None
    header = [*describe_choice(choice), tuple(_needs(choice, model)), _run_with(name, model)]
    plain = diffusers_settings(choice, prompt=defaults.prompt, model=model, variant=variant, scheduler=None)
    settings = solved_settings(plain, choice.config)
    return fill("run_diffusers", header=header, settings=settings, kinds=("solved", *_patched(choice)))


def _patched(choice: Choice) -> tuple[str, ...]:
    """The kinds of script that merge tokens or gate calls, where the config's plan does."""
    plan = choice.config.plan
    return (*(["merging"] if plan.tome else []), *(["gating"] if plan.tgate else []))


def _run_with(name: str, model: str | None) -> tuple[str, str]:
    return "Run it with", script_command(name, *(["--model", "FOLDER"] if model is None else []))


def _needs(choice: Choice, model: str | None) -> Iterator[str]:
    plan = choice.config.plan
    patch = "tomesd (0.1.3)" if plan.tome else "tgate (1.0.0)" if plan.tgate else ""
    more = f", transformers and {patch}" if patch else " and transformers"
    yield f"Needs torch, diffusers (written for 0.42){more}."
    if model is None:
        yield f"The model is {_OWN_FOLDER.format(model=choice.config.model)}: give its path as --model."


def describe_choice(choice: Choice) -> Iterator[tuple[str, ...]]:
    """Paragraphs about the config and its expected figures."""
    profile, config = choice.profile, choice.config
    against = f", compared with config {config.baseline}" if config.baseline else ""
    yield f"Config {choice.name} of profile {profile.name} ({profile.title}){against}.", *filter(None, [config.note])
    yield (f"sha256 of the profile: {choice.digest}",)
    if config.weights == "random":
        yield ("Its figures are of random weights: only the timings mean something.",)
    figures = config.expected.items()
    yield tuple(
        f"Expected: {_NAMES[key].format(figure.value)}, {_origin(choice, figure)}." for key, figure in figures
    ) or ("Expected: nothing is known.",)


def script_command(script: str, *options: str) -> str:
    """The command that runs a script, indented."""
    return COMMAND + shlex.join(["python", script, "a red apple", *options, "--seed", "1", "--output", "apple.png"])


def export_command(choice: Choice) -> str:
    """The command that exports the bundle, indented."""
    config = choice.config
    branches = ",".join(map(str, config.plan.named_branches))
    words = ["accel", "export", config.model, "--branches", branches, "--schedulers", config.scheduler]
    words += ["--weights", "random"] if config.weights == "random" else []
    words += ["--dtype", config.dtype] if config.dtype != "fp32" else []
    words += ["--tome", ",".join(f"{ratio:g}" for ratio in config.plan.tome.ratios)] if config.plan.tome else []
    words += ["--tgate"] if config.plan.tgate else []
    words += ["--max-steps", str(config.steps)]
    device = INDUCTOR_DEVICES.get(choice.profile.backends[0].provider)
    words += ["--artifact", "inductor", "--device", device] if device else []
    words += ["-o", default_bundle(config)]
    return COMMAND + shlex.join(words)


def _origin(choice: Choice, figure: Figure) -> str:
    note = f" ({figure.note})" if figure.note else ""
    if isinstance(figure, Published):
        return f"published: {choice.profile.sources[figure.source].title}{note}"
    if isinstance(figure, Measured):
        return f"measured on {figure.machine}{note}"
    return f"predicted by {figure.formula}{note}"
