"""`accel search`."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final, Protocol, TypeVar

import typer

from accel_bench.base.dtypes import SHORT_NAMES
from accel_bench.base.errors import InfeasibleError, StoppedError
from accel_bench.base.text import parse_share
from accel_bench.bundle_cache import BundleSpec, cache_folder, find_or_export
from accel_bench.cli.console import note, print_json, print_line, print_table, progress_bar, show
from accel_bench.cli.options import (
    PICTURES,
    RESULTS,
    AsJson,
    Batch,
    Guidance,
    PromptsFile,
    Provider,
    ProviderOptions,
    Ray,
    Seed,
    Threads,
    choose_backend,
    parse_options,
)
from accel_bench.cli.plan_options import BRANCH_0
from accel_bench.cli.scorers import open_scorers
from accel_bench.cluster import open_crew
from accel_bench.doubts import search_doubts
from accel_bench.plans.options import parse_branches
from accel_bench.plans.prepare import Settings
from accel_bench.plans.workload import check_judged
from accel_bench.quality.captions import Yardstick, yardstick_of
from accel_bench.records.environment import machine_name, read_environment
from accel_bench.records.search import Goal, Score, SearchRecord
from accel_bench.search.cost import timed_calls
from accel_bench.search.named_plan import add_found, check_addable
from accel_bench.search.profile import check_profile, write_profile
from accel_bench.search.prompts import check_score, choose_prompts
from accel_bench.search.run import PLAN, Found, Opening, Search
from accel_bench.search.strategies import Strategy, check_strategy
from accel_bench.search.summary import summarise_search
from accel_bench.search.table import footer, front_table, heading, why_not
from accel_bench.search.targets import Target, parse_targets
from accel_bench.search.worker import SearchWork
from accel_bench.timing.measure import StopRule
from accel_bench.timing.pipeline import TimedPipeline
from accel_runtime.backends.choose import INDUCTOR_DEVICES
from accel_runtime.bundle.bundle import read_bundle
from accel_runtime.errors import InputError
from accel_runtime.manifest import read_manifest

Result = TypeVar("Result")
# Shares of the tokens that graphs merge where a bundle is exported for a search.
_SHARES: Final = (0.3, 0.5)
_SCORES: Final = {Yardstick.EMOJI: Score.EMOJI_CLIP, Yardstick.SCENES: Score.FACTS}
# The groups of the help page.
GOAL: Final = "The goal"
STRATEGY: Final = "How it searches"


def search(
    bundle: Annotated[
        Path | None, typer.Argument(help="The bundle's folder; without it, --model is exported into the cache.")
    ] = None,
    *,
    model: Annotated[
        str | None,
        typer.Option(help="The model as in `accel export`, and its name in the profile.", rich_help_panel=PICTURES),
    ] = None,
    dtype: Annotated[str, typer.Option(help="Without BUNDLE: fp32, fp16 or bf16.", rich_help_panel=PICTURES)] = "fp32",
    steps: Annotated[int, typer.Option(help="Denoising steps of the baseline.", rich_help_panel=PICTURES)] = 50,
    scheduler: Annotated[str, typer.Option(help="The baseline's scheduler.", rich_help_panel=PICTURES)] = "ddim",
    guidance: Guidance = 7.5,
    prompts: PromptsFile = None,
    num_prompts: Annotated[int, typer.Option(help="Pictures that a plan is judged on.", rich_help_panel=PICTURES)] = 32,
    batch: Batch = 8,
    seed: Seed = 0,
    req_speedup: Annotated[
        float | None, typer.Option(help="Speed-up over the baseline, at least.", rich_help_panel=GOAL)
    ] = None,
    req_time: Annotated[float | None, typer.Option(help="Seconds of one image, at most.", rich_help_panel=GOAL)] = None,
    req_score_loss: Annotated[
        str, typer.Option(help="Share of the baseline's score that may be lost.", rich_help_panel=GOAL)
    ] = "5%",
    min_psnr: Annotated[
        float | None,
        typer.Option(help="PSNR in dB against the baseline's pictures, at least.", rich_help_panel=GOAL),
    ] = None,
    max_feature_distance: Annotated[
        float | None,
        typer.Option(help="Feature distance from the baseline's pictures, at most.", rich_help_panel=GOAL),
    ] = None,
    score: Annotated[
        Score | None,
        typer.Option(
            help="The score of --req-score-loss.",
            show_default="emoji-clip, or facts for the model of scenes",
            rich_help_panel=GOAL,
        ),
    ] = None,
    clip_model: Annotated[
        Path | None, typer.Option(help="With --score clip: the folder of a CLIP checkpoint.", rich_help_panel=GOAL)
    ] = None,
    search_targets: Annotated[
        str,
        typer.Option(
            help="What may change, by commas: schedule (skipped calls), deepcache (reused features), steps, guidance, "
            "rule, tome (merged tokens), tgate (gated calls).",
            rich_help_panel=STRATEGY,
        ),
    ] = "schedule,deepcache",
    branches: Annotated[
        list[str],
        typer.Option(
            "--branch",
            help="Where shallow calls may cut the UNet; plans are solved on the first. Repeat, or separate by commas.",
            rich_help_panel=STRATEGY,
        ),
    ] = BRANCH_0,
    strategy: Annotated[
        Strategy, typer.Option(help="How plans are looked for.", rich_help_panel=STRATEGY)
    ] = Strategy.SOLVED,
    calibration: Annotated[
        int,
        typer.Option(
            help="With --strategy solved: pictures to solve plans with; they are never judged.",
            rich_help_panel=STRATEGY,
        ),
    ] = 24,
    moves: Annotated[
        int,
        typer.Option(
            help="With --strategy solved: run this many plans with one moved call beside each promising one, and "
            "refine its coefficients; 0 leaves that out.",
            rich_help_panel=STRATEGY,
        ),
    ] = 20,
    trials: Annotated[
        int,
        typer.Option(
            help="With --strategy optuna: trials of the study, earlier ones included.", rich_help_panel=STRATEGY
        ),
    ] = 100,
    rounds: Annotated[
        int, typer.Option(help="How often each finalist is timed end to end.", rich_help_panel=STRATEGY)
    ] = 6,
    provider: Provider = "cpu",
    provider_options: ProviderOptions = None,
    threads: Threads = None,
    ray: Ray = None,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="The search's folder; an interrupted search in it goes on.",
            rich_help_panel=RESULTS,
        ),
    ] = Path("search"),
    write_to: Annotated[
        Path | None,
        typer.Option(
            "--write-profile", help="Add the chosen plan to this profile, NAME.toml.", rich_help_panel=RESULTS
        ),
    ] = None,
    write_bundle: Annotated[
        bool, typer.Option("--write-bundle", help="Add the chosen plan to BUNDLE.", rich_help_panel=RESULTS)
    ] = False,
    plan_name: Annotated[
        str, typer.Option(help="With --write-bundle: the plan's name there, for --plan.", rich_help_panel=RESULTS)
    ] = "fast",
    as_json: AsJson = False,
) -> None:
    """Find the fastest plan that loses no more quality than allowed, or the best one that is as fast as required."""
    _check_pairs(score, clip_model, bundle=bundle, model=model)
    yardstick = _yardstick(bundle, model)
    goal = Goal(
        score or _SCORES[yardstick],
        max_loss=parse_share(req_score_loss, option="--req-score-loss"),
        speedup=req_speedup,
        seconds=req_time,
        min_psnr=min_psnr,
        max_feature_distance=max_feature_distance,
    )
    _check_counts(trials, moves)
    if write_bundle:
        check_addable(bundle, plan_name)
    stop = StopRule(rounds)
    check_strategy(strategy)
    settings = Settings(steps=steps, scheduler=scheduler, guidance=guidance, batch=batch, seed=seed)
    if strategy is Strategy.SOLVED and calibration < 1:
        raise InputError(f"--calibration: expected a multiple of the batch, {batch}, got {calibration}")
    solved_with = calibration if strategy is Strategy.SOLVED else 0
    chosen_prompts, sources = choose_prompts(
        prompts, of=yardstick, samples=num_prompts, calibration=solved_with, settings=settings
    )
    check_score(goal.score, chosen_prompts, of=yardstick)
    targets, cuts = parse_targets(search_targets), parse_branches(branches)
    backend = choose_backend(provider, threads=threads, options=provider_options)
    if write_to is not None:
        check_profile(write_to, on_host=backend.on_host)
    with ExitStack() as stack:
        tell = stack.enter_context(_bar(output))
        wanted = _wanted(str(model), settings, cuts, targets=targets, dtype=dtype, provider=provider)
        folder = bundle or tell(find_or_export(wanted, into=cache_folder()))
        opening = Opening(
            TimedPipeline.open(read_bundle(folder), backend),
            settings=settings,
            prompts=chosen_prompts,
            sources=sources,
            prompts_from="built-in" if prompts is None else prompts.name,
            environment=read_environment(),
            targets=targets,
            branches=cuts,
        )
        check_judged(opening.timed.pipeline.bundle.manifest, "search")
        opening.space()
        if write_to is not None and opening.timed.pipeline.bundle.manifest.int8 is not None:
            raise InputError(f"{folder}: profiles hold no configs of int8 bundles: leave --write-profile out")
        scorers = open_scorers(of=yardstick, clip=clip_model)
        if ray is not None:
            order = SearchWork(
                bundle=folder.absolute(),
                digest=opening.timed.pipeline.bundle.digest,
                provider=provider,
                options=parse_options(provider_options or []),
                settings=settings,
                prompts=chosen_prompts,
                of=yardstick,
                clip=None if clip_model is None else clip_model.absolute(),
                scorers=scorers.versions,
                machine=machine_name(opening.environment),
            )
            opening = replace(opening, spread=stack.enter_context(open_crew(ray, order, tell=note)))
        work = Search(opening, goal, output, scorers=scorers, strategy=strategy, trials=trials, moves=moves, stop=stop)
        found = tell(work.run())
    _print(found.record, as_json=as_json)
    if found.record.chosen is None:
        raise InfeasibleError(f"nothing that was tried meets the goal: {why_not(found.record)}")
    if write_bundle:
        add_found(folder, plan_name, plan=output / PLAN, record=found.record)
    note(f"accel generate BUNDLE PROMPT --plan {plan_name if write_bundle else output / PLAN} draws with it")
    if write_to is not None:
        named = model or opening.timed.pipeline.bundle.manifest.provenance.source
        _keep(write_to, found, opening, model=named, provider=provider)


def _keep(path: Path, found: Found, opening: Opening, *, model: str, provider: str) -> None:
    """Write the chosen plan into a profile, and note the command that measures it again."""
    pipeline = opening.timed.pipeline
    config, _ = write_profile(
        path,
        found.record,
        found.finalists,
        model=model,
        dtype=SHORT_NAMES[pipeline.bundle.manifest.dtype],
        provider=provider,
        on_host=pipeline.backend.on_host,
    )
    note(f"accel bench --profile {path} --config {config} measures it again")


def _yardstick(bundle: Path | None, model: str | None) -> Yardstick:
    return yardstick_of(str(model) if bundle is None else read_manifest(bundle).provenance.source)


def _check_pairs(score: Score | None, clip_model: Path | None, *, bundle: Path | None, model: str | None) -> None:
    """Refuse options that need each other and come alone."""
    if (score is Score.CLIP) != (clip_model is not None):
        raise InputError("--score clip and --clip-model: expected both or neither")
    if bundle is None and model is None:
        raise InputError("expected a bundle's folder, or --model with what `accel export` takes")


def _check_counts(trials: int, moves: int) -> None:
    for option, count, least in (("--trials", trials, 1), ("--moves", moves, 0)):
        if count < least:
            raise InputError(f"{option}: expected {least} or more, got {count}")


class _Tell(Protocol):
    """Runs a generator to its end, shows what it yields, and returns its result."""

    def __call__(self, work: Generator[str, None, Result]) -> Result: ...


@contextmanager
def _bar(folder: Path) -> Iterator[_Tell]:
    """A progress bar around work that an interruption may end."""
    with progress_bar() as progress:
        task = progress.add_task("open", total=None)

        def tell(work: Generator[str, None, Result]) -> Result:
            return show(work, progress, task=task)

        try:
            yield tell
        except KeyboardInterrupt:
            raise StoppedError(f"interrupted; {folder} has what was measured: run the same command to go on") from None


def _wanted(
    model: str,
    settings: Settings,
    branches: tuple[int, ...],
    *,
    targets: Sequence[Target],
    dtype: str,
    provider: str,
) -> BundleSpec:
    """What the bundle of a model must hold that is found in the cache, or exported there."""
    tome, gates = _SHARES if Target.TOME in targets else (), Target.TGATE in targets
    return BundleSpec(
        model=model,
        weights="trained",
        dtype=dtype,
        branches=branches,
        schedulers=(str(settings.scheduler),),
        # The image that times all graphs has so many calls.
        max_steps=max(settings.steps, timed_calls(len(branches), shares=len(tome), gates=gates)),
        inductor=INDUCTOR_DEVICES.get(provider),
        tome=tome,
        tgate=gates,
    )


def _print(record: SearchRecord, *, as_json: bool) -> None:
    summaries = summarise_search(record)
    if as_json:
        print_json({"record": record, "summary": summaries})
        return
    print_line(heading(record))
    print_table(front_table(summaries, record))
    for line in footer(summaries, record):
        print_line(line)
    for doubt in search_doubts(record):
        note(str(doubt))
