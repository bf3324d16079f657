"""`accel bench run`, which is also `accel bench`."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Final

import typer

from accel_bench.base.errors import RegressionError
from accel_bench.base.files import check_outputs, write_record
from accel_bench.base.text import parse_share
from accel_bench.benchmark.compare import Comparison, compare, comparison_lines, has_regressed, refuse_unlike
from accel_bench.benchmark.record import make_record, peer_run
from accel_bench.benchmark.roofline import measured_peaks
from accel_bench.benchmark.summary import summarise
from accel_bench.benchmark.table import footer, heading, tables
from accel_bench.cli.console import note, print_json, print_line, print_table, progress_bar
from accel_bench.cli.options import (
    MACHINE,
    PEERS,
    PICTURES,
    RESULTS,
    TIMING,
    AsJson,
    Batch,
    Budget,
    BundleFolder,
    Force,
    Form,
    Guidance,
    Height,
    Provider,
    ProviderOptions,
    RecordFile,
    Scheduler,
    Seed,
    Steps,
    TargetError,
    Threads,
    Width,
    choose_backend,
    stop_rule,
)
from accel_bench.cli.plan_options import (
    BRANCH_0,
    HOLD,
    NO_GATES,
    NO_TOME,
    Branches,
    Forecasts,
    Gates,
    Plans,
    Tomes,
    plans_of,
)
from accel_bench.cli.subjects import guidance_of, prompt_of
from accel_bench.doubts import bench_doubts
from accel_bench.peers import PeerContender, open_peers, peer_work
from accel_bench.plans.prepare import Settings
from accel_bench.plans.workload import request_of
from accel_bench.records.bench import BenchRecord
from accel_bench.records.environment import read_environment
from accel_bench.records.store import read_bench
from accel_bench.timing.contender import Contender, PlanContender
from accel_bench.timing.measure import Measurement, StopRule, measure
from accel_bench.timing.pipeline import plan_contenders
from accel_bench.trace import write_trace
from accel_runtime.bundle.bundle import read_bundle

_PROMPT = "a squirrel"
_PLANS: Final = ["every:3", "every:5"]


def run(
    context: typer.Context,
    bundle: BundleFolder,
    *,
    prompt: Annotated[str, typer.Option(help="What to draw.", rich_help_panel=PICTURES)] = _PROMPT,
    steps: Steps = 20,
    scheduler: Scheduler = None,
    guidance: Guidance = 7.5,
    batch: Batch = 1,
    seed: Seed = 0,
    height: Height = None,
    width: Width = None,
    plans: Plans = _PLANS,
    branches: Branches = BRANCH_0,
    forecasts: Forecasts = HOLD,
    tome: Tomes = NO_TOME,
    tgate: Gates = NO_GATES,
    peers: Annotated[
        list[str] | None,
        typer.Option(
            "--peer",
            help="Other software of `accel peers` to time in the same rounds; repeat for several.",
            rich_help_panel=PEERS,
        ),
    ] = None,
    peer_weights: Annotated[
        Path | None,
        typer.Option(
            help="The bundle's model as a diffusers folder, which most peers read; see `accel peers weights`.",
            rich_help_panel=PEERS,
        ),
    ] = None,
    rounds: Annotated[
        int, typer.Option(help="Rounds at least; each times every plan and peer once.", rich_help_panel=TIMING)
    ] = 3,
    target_error: TargetError = None,
    budget: Budget = 600.0,
    baseline: Annotated[
        Path | None,
        typer.Option(help="An earlier record; fail if a plan has become slower than in it.", rich_help_panel=TIMING),
    ] = None,
    max_regression: Annotated[
        str,
        typer.Option(help="With --baseline: how much slower a plan may be.", rich_help_panel=TIMING),
    ] = "5%",
    provider: Provider = "cpu",
    provider_options: ProviderOptions = None,
    form: Form = None,
    threads: Threads = None,
    low_memory: Annotated[
        bool,
        typer.Option("--low-memory", help="Load each graph only while it is used.", rich_help_panel=MACHINE),
    ] = False,
    output: RecordFile = None,
    trace: Annotated[
        Path | None, typer.Option(help="Also write a trace for ui.perfetto.dev.", rich_help_panel=RESULTS)
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Time the full UNet against cached plans, end to end and graph by graph."""
    check_outputs([path for path in (output, trace) if path is not None], force=force)
    earlier = None if baseline is None else read_bench(baseline)
    allowed = parse_share(max_regression, option="--max-regression")
    stop = stop_rule(rounds, target_error, budget_s=budget)
    chosen = plans_of(
        context,
        plans,
        bundle=bundle,
        branches=branches,
        forecasts=forecasts,
        tome=tome,
        tgate=tgate,
        steps=steps,
        scheduler=scheduler,
    )
    found = read_bundle(bundle)
    manifest = found.manifest
    guidance = guidance_of(context, guidance, manifest)
    settings = Settings(chosen.steps, chosen.scheduler, guidance=guidance, batch=batch, seed=seed)
    told = prompt_of(context, prompt, manifest)
    contenders = plan_contenders(
        found,
        choose_backend(provider, threads=threads, options=provider_options),
        specs=chosen.specs,
        settings=settings,
        request=request_of(told, settings, manifest=manifest, size=(height, width)),
        low_memory=low_memory,
        form=form,
    )
    with _open_peers(peers or (), contenders[0], settings=settings, weights=peer_weights, threads=threads) as opened:
        record = _measure(contenders, opened, stop=stop, settings=settings)
    if output is not None:
        write_record(output, record)
    if trace is not None:
        write_trace(record, trace)
    comparison = None if earlier is None else compare(earlier, record)
    _print(record, comparison, as_json=as_json)
    if comparison is not None:
        _hold(comparison, allowed)


def _open_peers(
    names: Sequence[str], ours: PlanContender, *, settings: Settings, weights: Path | None, threads: int | None
) -> AbstractContextManager[tuple[PeerContender, ...]]:
    """Open peers that draw what ``ours`` draws, with every call deep."""
    if not names:
        return nullcontext(())
    work = peer_work(
        ours.pipeline,
        ours.request,
        weights=weights,
        steps=settings.steps,
        scheduler=settings.scheduler,
        guidance=settings.guidance,
        threads=threads,
    )
    return open_peers(names, work, meters=ours.meters, tell=note)


def _measure(
    plans: Sequence[PlanContender], peers: Sequence[PeerContender], *, stop: StopRule, settings: Settings
) -> BenchRecord:
    environment = read_environment()
    measurement = Measurement()
    contenders: tuple[Contender, ...] = (*plans, *peers)
    with progress_bar() as progress:
        task = progress.add_task("warm-up", total=len(contenders) * (stop.rounds + 1))
        for name in measure(contenders, stop, into=measurement):
            progress.update(task, description=name, advance=1)
    return make_record(
        plans,
        measurement,
        environment=environment,
        settings=settings,
        peaks=measured_peaks(plans[0].pipeline.backend, measurement.yardstick_s),
        peers=[peer_run(peer, measurement) for peer in peers],
    )


def _print(record: BenchRecord, comparison: Comparison | None, *, as_json: bool) -> None:
    summary, doubts = summarise(record), bench_doubts(record)
    if as_json:
        print_json({"record": record, "summary": summary, "doubts": doubts, "comparison": comparison})
    else:
        print_line(heading(record))
        for table in tables(record, summary):
            print_table(table)
        print_line(footer(record))
    for doubt in doubts:
        note(str(doubt))


def _hold(comparison: Comparison, allowed: float) -> None:
    """Compare each plan with the earlier record, in notes.

    Raises:
        RegressionError: A plan is slower than allowed.
    """
    refuse_unlike(comparison)
    slower = [plan for plan in comparison.plans if has_regressed(plan, allowed)]
    for line in comparison_lines(comparison):
        note(line)
    if slower:
        told = ", ".join(f"{plan.name} {plan.ratio - 1:.1%}" for plan in slower)
        raise RegressionError(f"slower than record {comparison.before}: {told}, allowed {allowed:.1%}")
