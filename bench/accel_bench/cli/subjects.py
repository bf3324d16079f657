"""What `accel generate` is told to draw: prompts, classes, or nothing, as the bundle's model takes them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from accel_bench.cli.options import PICTURES
from accel_runtime.errors import InputError
from accel_runtime.manifest import FromLabels, Manifest
from accel_runtime.plans.compile import default_guidance

Prompts = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[PROMPT]...",
        help="What to draw; several make a batch. Models without text take none.",
        show_default=False,
    ),
]
ClassLabels = Annotated[
    list[int] | None,
    typer.Option(
        "--class-label", help="The class to draw, in models of classes; repeat for several.", rich_help_panel=PICTURES
    ),
]


def subjects(prompts: Sequence[str] | None, labels: Sequence[int] | None) -> int:
    """How many things to draw the command line names: at least one, for some models are told nothing."""
    return max(len(prompts or ()), len(labels or ()), 1)


def prompts_of(
    manifest: Manifest, prompts: Sequence[str] | None, labels: Sequence[int] | None, *, bundle: Path
) -> tuple[str, ...]:
    """The prompts of a request: those that were given, or an empty one for each thing to draw.

    Raises:
        InputError: The model takes a prompt and there is none, or the other way round; or the same of a class.
    """
    if manifest.texts and not prompts:
        raise InputError(f'prompt: expected what to draw: accel generate {bundle} "a squirrel"')
    if prompts and not manifest.texts:
        raise InputError(f"prompt: the model takes none, got {prompts[0]!r}: leave it out")
    classes = [each.source.classes for each in manifest.denoiser.inputs if isinstance(each.source, FromLabels)]
    if labels and not classes:
        raise InputError("--class-label: the model draws no classes: leave it out")
    if classes and not labels:
        raise InputError(f"--class-label: expected the class to draw, 0 to {classes[0] - 1}")
    return tuple(prompts or ("",) * subjects(prompts, labels))


def prompt_of(context: typer.Context, prompt: str, manifest: Manifest) -> str:
    """The one prompt of a command that has a default: none for models that take none.

    Raises:
        InputError: A prompt was written for such a model.
    """
    if manifest.texts:
        return prompt
    if is_written(context, "prompt") and prompt:
        raise InputError(f"--prompt: the model takes none, got {prompt!r}: leave it out")
    return ""


def guidance_of(context: typer.Context, guidance: float, manifest: Manifest) -> float:
    """The guidance that was written; else the default of the command, or the model's where that is never guided.

    Raises:
        InputError: Guidance was asked of a model that cannot be guided.
    """
    by = manifest.denoiser.guidance
    if by != "none":
        return guidance
    if is_written(context, "guidance") and guidance > 1:
        raise InputError(f"--guidance: the model cannot be guided, got {guidance:g}: leave it out")
    return default_guidance(by)


def is_written(context: typer.Context, parameter: str) -> bool:
    """Whether the user wrote this parameter of a command."""
    source = context.get_parameter_source(parameter)
    return source is not None and source.name == "COMMANDLINE"
