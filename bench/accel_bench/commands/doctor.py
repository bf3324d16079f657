"""`accel doctor`."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from accel_bench.console import print_json, print_line, print_table, progress_bar
from accel_bench.doctor import CANDIDATES, Report, examine, make_report
from accel_runtime.backends import AUTO_ORDER


def doctor(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Say what is installed, which providers really run a graph here, and what to do about the others."""
    findings = []
    with progress_bar() as progress:
        task = progress.add_task("try providers", total=len(CANDIDATES))
        for finding in examine(CANDIDATES):
            findings.append(finding)
            progress.update(task, description=finding.provider, advance=1)
    report = make_report(findings)
    if as_json:
        print_json(report)
    else:
        _print(report)


def _print(report: Report) -> None:
    for device in report.devices:
        memory = f", {device.memory_bytes / 1e9:.0f} GB" if device.memory_bytes else ""
        details = ", ".join(f"{key} {value}" for key, value in device.details.items())
        print_line(f"{device.kind}: {device.name}{memory}, {device.architecture}, {details}")
    here = report.environment
    packages = ", ".join(f"{name} {version}" for name, version in here.packages.items())
    print_line(f"Python {here.python} on {here.system}; {packages}")
    print_table(_table(report))
    usable = {finding.provider for finding in report.providers if finding.usable}
    chosen = next((name for name in AUTO_ORDER if name in usable), None)
    print_line(f"--provider auto takes {chosen}" if chosen else "nothing here runs a graph")


def _table(report: Report) -> Table:
    table = Table(title="Providers, each tried on a small graph", title_justify="left")
    for heading in ("provider", "runs", "what ran, or why not"):
        table.add_column(heading, no_wrap=heading != "what ran, or why not")
    for finding in report.providers:
        ran = finding.ran
        text = f"{ran.backend} {ran.version}, {ran.provider}" if ran else finding.reason
        table.add_row(finding.provider, "yes" if finding.usable else "no", escape(text))
    return table
