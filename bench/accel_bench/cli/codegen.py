"""`accel codegen`."""

from pathlib import Path
from typing import Annotated

import typer

from accel_bench.base.errors import NoConfigError
from accel_bench.base.files import check_outputs
from accel_bench.cli.console import note, print_json, print_line
from accel_bench.cli.options import RESULTS, AsJson, Force
from accel_bench.codegen import DEFAULT_PROMPT, Choice, Defaults, Target, choose, generate_script
from accel_bench.codegen.tasks import (
    Answer,
    Found,
    Task,
    answer,
    can_search,
    candidates,
    find,
    read_tasks,
    run_search,
    search_command,
)
from accel_runtime.durable import write_bytes
from accel_runtime.errors import InputError


def codegen(
    *,
    profile: Annotated[str | None, typer.Option(help="A profile's name, of `accel profiles`, or its file.")] = None,
    config: Annotated[str | None, typer.Option(help="One of its configs, which `accel profiles NAME` lists.")] = None,
    tasks: Annotated[
        Path | None,
        typer.Option(help="Instead of --profile: a file of tasks; the profiles are searched for a config of each."),
    ] = None,
    search: Annotated[
        bool, typer.Option("--search", help="With --tasks: run `accel search` for tasks that no config meets.")
    ] = False,
    target: Annotated[Target, typer.Option(help="What runs the script.")] = Target.RUNTIME,
    prompt: Annotated[str, typer.Option(help="Prompt that the script draws by default.")] = DEFAULT_PROMPT,
    bundle: Annotated[
        str | None,
        typer.Option(help="With --target runtime: bundle that the script opens by default.", show_default=False),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="With --target diffusers: model that the script loads by default.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The script to write; with --tasks, the folder for scripts.",
            show_default="run.py, or scripts",
            rich_help_panel=RESULTS,
        ),
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write a config of a profile as a short script of its own: for accel's runtime, or for diffusers alone."""
    defaults = Defaults(prompt=prompt, bundle=bundle, model=model)
    if tasks is not None:
        if profile is not None or config is not None:
            raise InputError("--tasks: expected no --profile and --config beside it: the tasks name devices")
        folder = output or Path("scripts")
        answers = _answer_all(read_tasks(tasks), folder, target=target, defaults=defaults, force=force, search=search)
        _report(answers, as_json=as_json)
        return
    if profile is None or config is None:
        raise InputError("expected --profile and --config, which `accel profiles` lists, or --tasks")
    if search:
        raise InputError("--search is for --tasks: add the file of requests")
    script = output or Path("run.py")
    check_outputs([script], force=force)
    _write(choose(profile, config), script, target=target, defaults=defaults)
    if as_json:
        print_json({"script": str(script), "profile": profile, "config": config, "target": target})
    else:
        print_line(str(script))


def _write(choice: Choice, script: Path, *, target: Target, defaults: Defaults) -> None:
    source = generate_script(choice, target, defaults=defaults, name=script.name)
    write_bytes(script, source.encode())


def _answer_all(
    tasks: tuple[Task, ...], folder: Path, *, target: Target, defaults: Defaults, force: bool, search: bool
) -> list[Answer]:
    """Write a script for each request that some config meets, and search, if asked to, for the others last."""
    scripts = {task: folder / f"{task.id}.py" for task in tasks}
    commands = {task: search_command(task, profile=folder / f"{task.id}.toml") for task in tasks}
    found = {task: find(task, candidates(task.device)) for task in tasks}
    _make_folder(folder)
    check_outputs(list(scripts.values()), force=force)
    for task in sorted(tasks, key=lambda task: found[task] is None):
        if found[task] is None and search:
            found[task] = _search(task, commands[task])
        met = found[task]
        if met is not None:
            _write(met.choice, scripts[task], target=target, defaults=defaults)
    return [answer(task, found[task], script=scripts[task], command=commands[task]) for task in tasks]


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{folder}: expected a folder for the scripts, or a place for one: {error.strerror}"
        ) from error


def _search(task: Task, command: tuple[str, ...]) -> Found | None:
    try:
        can_search(task)
    except InputError as refusal:
        note(f"{task.id}: {refusal}")
        return None
    written = command[-1]
    return None if run_search(command) else find(task, candidates(written))


def _report(answers: list[Answer], *, as_json: bool) -> None:
    """Print the answers.

    Raises:
        NoConfigError: Some request has none.
    """
    if as_json:
        print_json(answers)
    else:
        for each in answers:
            print_line(_line(each))
            for text in each.notes:
                note(f"{each.id}: {text}")
    missing = [each.id for each in answers if each.script is None]
    if missing:
        raise NoConfigError(f"no config meets {', '.join(missing)}: run the search that is printed, or add --search")


def _line(each: Answer) -> str:
    if each.figure is None:
        return f"{each.id}: no config; run {each.search}"
    loss = "not known" if each.score_loss is None else f"{each.score_loss.value:g} ({each.score_loss.kind})"
    figure = f"{each.figure.value:g} ({each.figure.kind})"
    return f"{each.id}: {each.script}, config {each.config} of {each.profile}: {figure}, score loss {loss}"
