"""`accel doctor`."""

from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from accel_bench.base.table import Table, numbers, prose, words
from accel_bench.cli.console import note, print_json, print_line, print_table, progress_bar, show
from accel_bench.cli.options import AsJson
from accel_bench.doctor import (
    CANDIDATES,
    WARM_UPS,
    Finding,
    MeasuredPeaks,
    Report,
    Timed,
    examine,
    keep_peaks,
    make_report,
    measure_peaks,
)
from accel_bench.records.environment import available_cores
from accel_runtime.backends import AUTO_ORDER
from accel_runtime.bundle.bundle import read_bundle


def doctor(
    *,
    bundle: Annotated[
        Path | None,
        typer.Option(help="Also open the graphs of this bundle, and say which of their nodes run on the CPU."),
    ] = None,
    providers: Annotated[
        list[str] | None,
        typer.Option("--provider", help="Try this provider only; repeat for several.", show_default="all"),
    ] = None,
    measure: Annotated[
        bool,
        typer.Option(
            "--measure",
            help="Also time matrix products and convolutions on the processor, and keep its peaks for `accel bench`.",
        ),
    ] = False,
    rounds: Annotated[int, typer.Option(help="With --measure: times that each is run; the fastest counts.")] = 30,
    threads: Annotated[
        int | None, typer.Option(help="Threads that peaks are measured or told for.", show_default="all cores")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what is installed, which providers really run a graph here, and what to do about the others."""
    if bundle is not None:
        read_bundle(bundle, verification="sizes")
    candidates, findings = providers or CANDIDATES, []
    with progress_bar() as progress:
        task = progress.add_task("try providers", total=len(candidates))
        for finding in examine(candidates, bundle):
            findings.append(finding)
            progress.update(task, description=finding.provider, advance=1)
    if measure:
        note(f"peaks are kept in {_measure(available_cores() if threads is None else threads, rounds=rounds)}")
    report = make_report(findings, threads=threads)
    if as_json:
        print_json(report)
    else:
        _print(report)


def _measure(threads: int, *, rounds: int) -> Path:
    """Measure the processor's peaks and keep them; returns the file."""
    with progress_bar() as progress:
        task = progress.add_task("measure peaks", total=rounds + WARM_UPS)
        return keep_peaks(show(measure_peaks(threads=threads, rounds=rounds, tell=note), progress, task=task))


def _print(report: Report) -> None:
    for device in report.devices:
        memory = f", {device.memory_bytes / 1e9:.0f} GB" if device.memory_bytes else ""
        details = ", ".join(f"{key} {value}" for key, value in device.details.items())
        print_line(f"{device.kind}: {device.name}{memory}, {device.architecture}, {details}")
    here = report.environment
    packages = ", ".join(f"{name} {version}" for name, version in here.packages.items())
    print_line(f"Python {here.python} on {here.system}; {packages}")
    print_table(_table(report))
    for line in _placements(report):
        print_line(line)
    if report.peaks is not None:
        print_table(_peaks(report.peaks))
    usable = {finding.provider for finding in report.providers if finding.usable}
    chosen = next((name for name in AUTO_ORDER if name in usable), None)
    if {finding.provider for finding in report.providers} >= set(AUTO_ORDER):
        print_line(f"--provider auto takes {chosen}" if chosen else "nothing here runs a graph")


def _placements(report: Report) -> Iterator[str]:
    """A line for each provider that tells where graphs ran, and for each graph that the CPU ran a part of."""
    for finding in report.providers:
        placed = finding.ran.placement if finding.ran else {}
        mixed = {graph: placement for graph, placement in placed.items() if placement.on_host}
        if placed:
            yield f"{finding.provider}: {len(placed) - len(mixed)} of {len(placed)} graphs wholly on the device"
        for graph, placement in mixed.items():
            yield f"  {graph}: {placement} on the CPU"


def _table(report: Report) -> Table:
    columns = (*words("provider", "runs"), *prose("what ran, or why not"))
    return Table("Providers, each tried on a small graph", columns, tuple(map(_cells, report.providers)))


def _peaks(peaks: MeasuredPeaks) -> Table:
    columns = (*words("operation", "computed in", "by"), *numbers("GFLOP/s", "median", "runs"))
    title = f"Peaks of the processor with {peaks.threads} threads: of the fastest run"
    return Table(title, columns, tuple(map(_peak_cells, peaks.timed)))


def _peak_cells(timed: Timed) -> tuple[str, ...]:
    middle = timed.flops / median(timed.seconds)
    rates = (f"{rate / 1e9:.0f}" for rate in (timed.flops_per_s, middle))
    return timed.operation, timed.dtype, timed.library, *rates, str(len(timed.seconds))


def _cells(finding: Finding) -> tuple[str, ...]:
    ran = finding.ran
    text = f"{ran.backend} {ran.version}, {ran.provider}" if ran else finding.reason
    return finding.provider, "yes" if finding.usable else "no", text
