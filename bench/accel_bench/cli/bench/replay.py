"""`accel bench --profile NAME`."""

from pathlib import Path
from typing import Annotated

import typer

from accel_bench.base.errors import PromiseError
from accel_bench.base.files import check_outputs, write_record
from accel_bench.base.text import parse_share
from accel_bench.benchmark.table import footer, heading
from accel_bench.bundle_cache import cache_folder
from accel_bench.cli.console import note, print_json, print_line, print_table, progress_bar
from accel_bench.cli.options import (
    MACHINE,
    RESULTS,
    SCORES,
    TIMING,
    AsJson,
    Budget,
    Force,
    TargetError,
    Threads,
    stop_rule,
)
from accel_bench.cli.scorers import open_scorers
from accel_bench.doctor.devices import read_devices
from accel_bench.doubts import bench_doubts
from accel_bench.profiles import BackendChoice, load_profile
from accel_bench.profiles.files import find_profile
from accel_bench.quality.captions import Yardstick
from accel_bench.replay.groups import choose_configs, group
from accel_bench.replay.place import choose_place, open_backend
from accel_bench.replay.quality import QualityCheck
from accel_bench.replay.run import Replay
from accel_bench.replay.table import verdict_table
from accel_bench.replay.verdict import Verdict, judge
from accel_runtime.bundle.bundle import describe_file


def replay(
    bundle: Annotated[
        Path | None, typer.Argument(help="Run on this bundle; without it, the configs' models are exported.")
    ] = None,
    *,
    profile: Annotated[str, typer.Option(help="A profile's name, of `accel profiles`, or its file.")],
    configs: Annotated[
        list[str] | None,
        typer.Option("--config", help="Run this config only; repeat for several.", show_default="all"),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Run this model instead of the configs', such as tiny.")] = None,
    prompt: Annotated[str, typer.Option(help="What to draw.")] = "red apple on a blue background",
    device: Annotated[
        str | None,
        typer.Option(
            help="Run on the device of this profile, with --allow-other-device.",
            show_default="the profile's own",
            rich_help_panel=MACHINE,
        ),
    ] = None,
    allow_other_device: Annotated[
        bool,
        typer.Option(
            "--allow-other-device",
            help="Allow another device than the profile's; its figures are then compared with nothing.",
            rich_help_panel=MACHINE,
        ),
    ] = False,
    provider: Annotated[
        str | None,
        typer.Option(
            help="What runs the graphs.", show_default="the first of the profile's that works", rich_help_panel=MACHINE
        ),
    ] = None,
    threads: Threads = None,
    rounds: Annotated[
        int, typer.Option(help="Rounds at least; each times every config once.", rich_help_panel=TIMING)
    ] = 6,
    target_error: TargetError = "3%",
    budget: Budget = 120.0,
    quality: Annotated[
        int,
        typer.Option(help="Also score this many held-out captions: PSNR and score loss.", rich_help_panel=SCORES),
    ] = 0,
    tolerance: Annotated[
        str, typer.Option(help="How far a figure may be from what is expected.", rich_help_panel=RESULTS)
    ] = "10%",
    gate: Annotated[
        bool,
        typer.Option("--gate", help="Fail if a figure that the profile measured is missed.", rich_help_panel=RESULTS),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write the records into this folder.", rich_help_panel=RESULTS),
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Run the configs of a profile, and say which of its figures hold here."""
    wanted, share = load_profile(profile), parse_share(tolerance, option="--tolerance")
    chosen = choose_configs(wanted, configs or [])
    place = choose_place(wanted, read_devices(), device=device, allow_other=allow_other_device)
    if output is not None:
        groups = group(chosen, wanted.configs)
        check_outputs([path for at in range(len(groups)) for path in _paths(output / wanted.name, at)], force=force)
    check = QualityCheck(quality, {each: open_scorers(of=each) for each in Yardstick}) if quality else None
    choices = place.profile.backends if provider is None else (BackendChoice(provider),)
    ran, backend = open_backend(choices, threads=threads)
    note(f"profile {wanted.name} on {place.profile.device.title} by {ran}")
    run = Replay(
        profile=wanted.name,
        sha256=describe_file(find_profile(profile)).sha256,
        place=place,
        provider=ran,
        backend=backend,
        stop=stop_rule(rounds, target_error, budget_s=budget),
        cache=cache_folder(),
        prompt=prompt,
        model=model,
        bundle=bundle,
        check=check,
    )
    with progress_bar() as progress:
        task = progress.add_task("open", total=None)
        for doing in run.run(chosen, wanted.configs):
            progress.update(task, description=doing, advance=1)
    if output is not None:
        _write(run, output / wanted.name)
    verdicts = judge(wanted, run.records, evaluations=run.evaluations, tolerance=share)
    _print(run, verdicts, title=f"Profile {wanted.name}", as_json=as_json)
    broken = [f"{each.config} {each.figure}" for each in verdicts if each.is_broken]
    if gate and broken:
        raise PromiseError(f"profile {wanted.name} does not hold here: {', '.join(broken)}")


def _paths(stem: Path, index: int) -> tuple[Path, Path]:
    """The files of a group's record and of its evaluation."""
    return Path(f"{stem}-{index}.json"), Path(f"{stem}-{index}-quality.json")


def _write(run: Replay, stem: Path) -> None:
    for index, record in enumerate(run.records):
        times, quality = _paths(stem, index)
        write_record(times, record)
        if record.id in run.evaluations:
            write_record(quality, run.evaluations[record.id])


def _print(run: Replay, verdicts: tuple[Verdict, ...], *, title: str, as_json: bool) -> None:
    doubts = {record.id: bench_doubts(record) for record in run.records}
    if as_json:
        print_json({"verdicts": verdicts, "records": run.records, "evaluations": run.evaluations, "doubts": doubts})
    else:
        print_table(verdict_table(verdicts, title))
        for record in run.records:
            print_line(f"{heading(record)}: {footer(record)}")
    for told in dict.fromkeys(str(doubt) for found in doubts.values() for doubt in found):
        note(told)
