"""`accel generate --prompts FILE`: a folder of pictures, by this process or by a cluster."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Annotated, Final

import msgspec
import typer

from accel_bench.base.crew import Crew, Here, version_of
from accel_bench.base.errors import StoppedError
from accel_bench.cli.console import note, print_json, print_line, progress_bar
from accel_bench.cli.find_schedule import find_schedule
from accel_bench.cli.options import JOBS, PROMPTS_HELP, choose_backend, parse_options
from accel_bench.cli.subjects import guidance_of, is_written
from accel_bench.cluster import open_crew
from accel_bench.jobs.blocks import WHOLE, Block, Picture, cut_blocks, number_pictures, parse_shard
from accel_bench.jobs.drawing import Drawer, Drawing, Drawn, Look
from accel_bench.jobs.folder import JobFolder, JobSettings, open_folder
from accel_bench.jobs.parquet import check_parquet, write_parquet
from accel_bench.jobs.run import draw_missing
from accel_bench.plans.names import plan_name
from accel_bench.plans.options import ChosenPlans
from accel_bench.quality.prompts import read_rows
from accel_bench.records.environment import runs
from accel_runtime.backends import BackendDescription
from accel_runtime.bundle.bundle import Verification
from accel_runtime.errors import InputError
from accel_runtime.pipeline import Pipeline, open_bundle
from accel_runtime.plans.compile import compile_plan, resolve_plan
from accel_runtime.plans.doubts import plan_doubts

JobFile = Annotated[
    Path | None,
    typer.Option("--prompts", help=f"{PROMPTS_HELP} Each row becomes a picture in a folder.", rich_help_panel=JOBS),
]
JobBatch = Annotated[int, typer.Option("--batch", help="Pictures drawn together.", rich_help_panel=JOBS)]
JobShard = Annotated[
    str | None,
    typer.Option(
        "--shard", metavar="I/N", help="Draw the I-th of N parts only.", show_default="all", rich_help_panel=JOBS
    ),
]
JobParquet = Annotated[
    bool,
    typer.Option("--parquet", help="Write manifest.parquet too, once all pictures are done.", rich_help_panel=JOBS),
]
# Parameters of `accel generate` that only jobs have, and those that both have.
_OF_JOBS: Final = frozenset({"batch", "shard", "ray", "parquet"})
_OF_BOTH: Final = frozenset(
    {"prompts_file", "bundle", "negative", "steps", "scheduler", "guidance", "guidance_rescale", "seed", "height"}
    | {"width", "plan", "branch", "forecast", "guided_calls", "provider", "provider_options", "form", "low_memory"}
    | {"trust_files", "digest", "output", "as_json"}
)
_FOLDER: Final = Path("pictures")


@dataclass(frozen=True, slots=True)
class JobOptions:
    """The options of a job, as `accel generate` has them.

    Attributes:
        bundle: The bundle's folder.
        file: File of prompts.
        folder: Folder to fill.
        size: Height and width, of rows that do not say.
        parquet: Whether the manifest is written as a table too.
    """

    bundle: Path
    file: Path
    folder: Path
    batch: int
    shard: str | None
    ray: str | None
    parquet: bool
    seed: int
    negative: str
    size: tuple[int | None, int | None]
    guidance_rescale: float
    provider: str
    provider_options: list[str]
    form: str | None
    low_memory: bool | None
    verification: Verification
    digest: str | None


class JobDone(msgspec.Struct, frozen=True):
    """What `accel generate --prompts --json` prints.

    Attributes:
        folder: The job's folder.
        shard: Which part of the job, such as `1/1`.
        pictures: How many pictures the shard has.
        drawn: How many of them this run drew.
        found: How many a killed run had written and not listed.
        seconds: Seconds of the drawing.
        backend: What drew.
        parquet: The manifest as a table; None where it was not asked for.
    """

    folder: str
    shard: str
    pictures: int
    drawn: int
    found: int
    seconds: float
    backend: BackendDescription
    parquet: str | None = None


def check_job(context: typer.Context) -> None:
    """Refuse options that say nothing in a job, and those that only say something there.

    Raises:
        InputError: There is one; names it.
    """
    written = {name for name in context.params if is_written(context, name)}
    if "prompts_file" in written:
        wrong, reason = written - _OF_BOTH - _OF_JOBS, "a job of --prompts has none: leave it out"
    else:
        wrong, reason = written & _OF_JOBS, "is for jobs of --prompts; images of one prompt are --images-per-prompt"
    if wrong:
        names = {parameter.name: parameter.opts[0] for parameter in context.command.params} | {"prompts": "PROMPT"}
        raise InputError(f"{names[min(wrong)]}: {reason}")


def job_folder(context: typer.Context, output: Path) -> Path:
    """The folder of a job, which has another default than a picture."""
    return output if is_written(context, "output") else _FOLDER


def draw_job(
    context: typer.Context, asked: ChosenPlans, options: JobOptions, *, guidance: float, as_json: bool
) -> None:
    """Draw what the folder of a job lacks, and say what was done.

    Raises:
        AccelError: The job cannot be drawn; what was drawn is kept.
        StoppedError: It was interrupted.
    """
    shard = WHOLE if options.shard is None else parse_shard(options.shard)
    if options.parquet:
        if shard != WHOLE:
            raise InputError("--parquet: is of whole jobs: merge the shards, and run once without --shard")
        check_parquet()
    rows = read_rows(options.file)
    pictures = number_pictures(rows, seed=options.seed, negative=options.negative, size=options.size)
    blocks = cut_blocks(pictures, options.batch)
    # With a cluster this machine runs no graph, and may have no such device.
    provider, given = ("cpu", []) if options.ray else (options.provider, options.provider_options)
    pipeline = open_bundle(
        options.bundle,
        choose_backend(provider, options=given),
        verification=options.verification,
        digest=options.digest,
        low_memory=options.low_memory,
        form=None if options.ray else options.form,
    )
    _check_pictures(pipeline, blocks)
    scale = guidance_of(context, guidance, pipeline.bundle.manifest)
    _note_doubts(pipeline, blocks, asked, guidance=scale)
    drawing, settings = _order(pipeline, pictures, asked, options=options, guidance=scale)
    with ExitStack() as stack:
        crew, ran = _crew(stack, pipeline, drawing, ray=options.ray)
        settings = msgspec.structs.replace(settings, backend=version_of(ran))
        opened = open_folder(options.folder, settings, drawing.look, blocks=blocks, shard=shard)
        done = _draw(stack.enter_context(opened), crew, ran=ran)
        if options.parquet:
            done = msgspec.structs.replace(done, parquet=str(write_parquet(options.folder)))
    _print(done, as_json=as_json)


def _check_pictures(pipeline: Pipeline, blocks: Sequence[Block]) -> None:
    """Refuse what can be told before the first picture.

    Raises:
        InputError: The model takes no prompts, or cannot draw a size.
    """
    if not pipeline.bundle.manifest.texts:
        raise InputError("--prompts: the model takes none: draw its pictures with --images-per-prompt")
    for block in {(block.pictures[0].height, block.pictures[0].width): block for block in blocks}.values():
        try:
            block.request.size(pipeline.bundle.manifest.state)
        except InputError as error:
            raise InputError(f"{block}: {error}") from error


def _note_doubts(pipeline: Pipeline, blocks: Sequence[Block], asked: ChosenPlans, *, guidance: float) -> None:
    """Note where the plan is used otherwise than it was solved for, once for each size."""
    manifest = pipeline.bundle.manifest
    for height, width in dict.fromkeys(block.request.size(manifest.state) for block in blocks):
        model = manifest.provenance.model
        for doubt in plan_doubts(asked.only, model=model, guidance=guidance, height=height, width=width):
            note(str(doubt))


def _order(
    pipeline: Pipeline, pictures: Sequence[Picture], asked: ChosenPlans, *, options: JobOptions, guidance: float
) -> tuple[Drawing, JobSettings]:
    """What workers are told, and what the folder keeps, whose backend is not known yet."""
    manifest, spec = pipeline.bundle.manifest, asked.only
    schedule = find_schedule(pipeline, asked.steps, scheduler=asked.scheduler, strength=None)
    rescale, by = options.guidance_rescale, manifest.denoiser.guidance
    plan = compile_plan(spec, schedule, guidance=guidance, guidance_rescale=rescale, guidance_by=by)
    height, width = options.size
    settings = JobSettings(
        bundle=pipeline.bundle.digest,
        backend="",
        plan=resolve_plan(spec.with_defaults(steps=asked.steps, scheduler=asked.scheduler), schedule),
        guidance=guidance,
        guidance_rescale=rescale,
        prompts=sha256(msgspec.json.encode(pictures)).hexdigest()[:16],
        pictures=len(pictures),
        seed=options.seed,
        negative=options.negative,
        height=height,
        width=width,
        batch=options.batch,
    )
    look = Look(
        job=settings.digest,
        plan=plan_name(spec),
        scheduler=schedule.scheduler,
        steps=schedule.steps,
        guidance=plan.guidance,
        bundle=pipeline.bundle.digest,
        weights=manifest.provenance.weights,
    )
    drawing = Drawing(
        bundle=options.bundle.absolute(),
        digest=pipeline.bundle.digest,
        provider=options.provider,
        options=parse_options(options.provider_options),
        form=options.form,
        low_memory=options.low_memory,
        plan=plan,
        look=look,
    )
    return drawing, settings


def _crew(
    stack: ExitStack, pipeline: Pipeline, drawing: Drawing, *, ray: str | None
) -> tuple[Crew[Block, tuple[Drawn, ...]], BackendDescription]:
    """Who draws, and what runs there."""
    if ray is None:
        return Here(Drawer(pipeline, drawing.plan, look=drawing.look)), pipeline.describe()
    crew = stack.enter_context(open_crew(ray, drawing, tell=note))
    return crew, crew.describe()


def _draw(folder: JobFolder, crew: Crew[Block, tuple[Drawn, ...]], *, ran: BackendDescription) -> JobDone:
    started, drawn = perf_counter(), 0
    with progress_bar() as progress:
        task = progress.add_task("draw", total=folder.pictures, completed=folder.done)
        try:
            for count in draw_missing(folder, crew):
                drawn += count
                progress.update(task, completed=folder.done)
        except KeyboardInterrupt:
            kept = f"{folder.folder} has {folder.done} of {folder.pictures} pictures"
            raise StoppedError(f"interrupted; {kept}: run the same command to go on") from None
    return JobDone(
        folder=str(folder.folder),
        shard=str(folder.shard),
        pictures=folder.pictures,
        drawn=drawn,
        found=folder.found,
        seconds=perf_counter() - started,
        backend=ran,
    )


def _print(done: JobDone, *, as_json: bool) -> None:
    if as_json:
        print_json(done)
        return
    part = "" if done.shard == str(WHOLE) else f", shard {done.shard}"
    rate = f", {done.drawn / done.seconds:.2f}/s" if done.drawn else ""
    print_line(f"{done.folder}{part}: {done.pictures} pictures, {done.drawn} drawn now{rate} on {runs(done.backend)}")
    if done.found:
        note(f"{done.found} pictures of an interrupted run were whole, and got their lines in the manifest")
