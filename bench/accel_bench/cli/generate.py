"""`accel generate`."""

from pathlib import Path
from time import perf_counter
from typing import Annotated

import msgspec
import numpy as np
import typer

from accel_bench.base.files import check_outputs
from accel_bench.base.latents import read_latents
from accel_bench.cli.console import note, print_json, print_line, progress_bar
from accel_bench.cli.control import (
    ControlEnds,
    ControlFiles,
    ControlScales,
    ControlStarts,
    control_numbers,
    read_controls,
)
from accel_bench.cli.find_schedule import find_schedule
from accel_bench.cli.framing import (
    AestheticScore,
    Crop,
    NegativeAestheticScore,
    NegativeCrop,
    NegativeOriginalSize,
    NegativeTargetSize,
    OriginalSize,
    TargetSize,
    framing_of,
)
from accel_bench.cli.jobs import JobBatch, JobFile, JobOptions, JobParquet, JobShard, check_job, draw_job, job_folder
from accel_bench.cli.options import (
    MACHINE,
    PICTURES,
    RESULTS,
    AsJson,
    BundleFolder,
    Digest,
    Force,
    Form,
    Guidance,
    Height,
    Provider,
    ProviderOptions,
    Ray,
    Scheduler,
    Seed,
    Steps,
    Width,
    choose_backend,
)
from accel_bench.cli.plan_options import GuidedCalls, OneBranch, OneForecast, OneGate, OnePlan, OneTome, plans_of
from accel_bench.cli.start import ImageFile, MaskFile, StartFiles, Strength
from accel_bench.cli.subjects import ClassLabels, Prompts, guidance_of, prompts_of, subjects
from accel_bench.images import ImageLabel, image_paths, write_latents, write_png
from accel_bench.plans.names import plan_name
from accel_bench.records.environment import peak_rss_bytes, runs
from accel_bench.records.parts import PlanFacts
from accel_runtime.backends import BackendDescription
from accel_runtime.bundle.bundle import Verification
from accel_runtime.pipeline import Pipeline, open_bundle
from accel_runtime.plans.compile import compile_plan
from accel_runtime.plans.doubts import plan_doubts
from accel_runtime.plans.gate import NO_GATE
from accel_runtime.plans.plan import Deep, Plan
from accel_runtime.plans.spec import PlanSpec
from accel_runtime.request import Request, Result, check_count


class Generated(msgspec.Struct, frozen=True):
    """What `accel generate --json` prints."""

    images: list[str]
    seeds: list[int]
    bundle: str
    weights: str
    scheduler: str
    steps: int
    calls: int
    deep_calls: tuple[int, ...]
    skipped_calls: tuple[int, ...]
    seconds: float
    peak_rss_bytes: int
    backend: BackendDescription


def generate(
    context: typer.Context,
    bundle: BundleFolder,
    prompts: Prompts = None,
    *,
    class_labels: ClassLabels = None,
    negative: Annotated[str, typer.Option(help="What not to draw.", rich_help_panel=PICTURES)] = "",
    steps: Steps = 20,
    scheduler: Scheduler = None,
    guidance: Guidance = 7.5,
    guidance_rescale: Annotated[
        float,
        typer.Option(help="How far to take back the contrast that guidance adds, 0 to 1.", rich_help_panel=PICTURES),
    ] = 0.0,
    images_per_prompt: Annotated[int, typer.Option(help="Images of each prompt.", rich_help_panel=PICTURES)] = 1,
    seed: Seed = 0,
    height: Height = None,
    width: Width = None,
    original_size: OriginalSize = None,
    crop: Crop = None,
    target_size: TargetSize = None,
    aesthetic_score: AestheticScore = None,
    negative_original_size: NegativeOriginalSize = None,
    negative_crop: NegativeCrop = None,
    negative_target_size: NegativeTargetSize = None,
    negative_aesthetic_score: NegativeAestheticScore = None,
    image: ImageFile = None,
    mask: MaskFile = None,
    strength: Strength = None,
    control: ControlFiles = None,
    control_scale: ControlScales = None,
    control_start: ControlStarts = None,
    control_end: ControlEnds = None,
    latents_in: Annotated[
        Path | None, typer.Option(help="Initial noise: a .npy file of [B, C, h, w].", rich_help_panel=PICTURES)
    ] = None,
    prompts_file: JobFile = None,
    batch: JobBatch = 8,
    shard: JobShard = None,
    ray: Ray = None,
    parquet: JobParquet = False,
    plan: OnePlan = "full",
    branch: OneBranch = "0",
    forecast: OneForecast = "hold",
    tome: OneTome = "0",
    tgate: OneGate = NO_GATE,
    guided_calls: GuidedCalls = None,
    provider: Provider = "cpu",
    provider_options: ProviderOptions = None,
    form: Form = None,
    low_memory: Annotated[
        bool | None,
        typer.Option(
            "--low-memory/--keep-loaded",
            help="Load each graph only while it is used, and draw image by image.",
            show_default="low memory for large models on cpu",
            rich_help_panel=MACHINE,
        ),
    ] = None,
    trust_files: Annotated[
        bool,
        typer.Option("--trust-files", help="Do not hash the bundle's weights on opening.", rich_help_panel=MACHINE),
    ] = False,
    digest: Digest = None,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="The PNG to write; several become image-0.png, image-1.png, …; of --prompts, the folder.",
            rich_help_panel=RESULTS,
        ),
    ] = Path("image.png"),
    latents_out: Annotated[
        Path | None, typer.Option(help="Also write the final latents, as .npy.", rich_help_panel=RESULTS)
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Draw images from a bundle."""
    check_job(context)
    files, control = StartFiles(image, mask, strength), control or []
    steered = control_numbers(len(control), scales=control_scale, starts=control_start, ends=control_end)
    asked = plans_of(
        context,
        [plan],
        bundle=bundle,
        branches=[branch],
        forecasts=[forecast],
        tome=[tome],
        tgate=[tgate],
        guided_calls=guided_calls,
        steps=steps,
        scheduler=scheduler,
    )
    verification: Verification = "sizes" if trust_files else "hashes"
    if prompts_file is not None:
        options = JobOptions(
            bundle,
            prompts_file,
            folder=job_folder(context, output),
            batch=batch,
            shard=shard,
            ray=ray,
            parquet=parquet,
            seed=seed,
            negative=negative,
            size=(height, width),
            guidance_rescale=guidance_rescale,
            provider=provider,
            provider_options=provider_options or [],
            form=form,
            low_memory=low_memory,
            verification=verification,
            digest=digest,
        )
        draw_job(context, asked, options, guidance=guidance, as_json=as_json)
        return
    spec = asked.only
    count = subjects(prompts, class_labels) * images_per_prompt
    check_count(count)
    paths = image_paths(output, count=count)
    check_outputs([*paths, *([latents_out] if latents_out else [])], force=force)
    backend = choose_backend(provider, options=provider_options)
    pipeline = open_bundle(bundle, backend, verification=verification, digest=digest, low_memory=low_memory, form=form)
    manifest = pipeline.bundle.manifest
    picture, drawn = files.read(manifest, height=height, width=width)
    size = (height, width) if picture is None else picture.shape[:2]
    request = Request(
        prompts=prompts_of(manifest, prompts, class_labels, bundle=bundle),
        class_labels=tuple(class_labels or ()),
        negatives=(negative,),
        images_per_prompt=images_per_prompt,
        seed=seed,
        height=height,
        width=width,
        latents=None if latents_in is None else read_latents(latents_in),
        image=picture,
        mask=drawn,
        controls=read_controls(control, steered, manifest=manifest, size=size),
        framing=framing_of(
            original_size=original_size, crop=crop, target_size=target_size, aesthetic_score=aesthetic_score
        ),
        negative_framing=framing_of(
            original_size=negative_original_size,
            crop=negative_crop,
            target_size=negative_target_size,
            aesthetic_score=negative_aesthetic_score,
        ),
    )
    schedule = find_schedule(pipeline, asked.steps, scheduler=asked.scheduler, strength=files.strength)
    guidance, by = guidance_of(context, guidance, manifest), manifest.denoiser.guidance
    chosen = compile_plan(spec, schedule, guidance=guidance, guidance_rescale=guidance_rescale, guidance_by=by)
    _note_doubts(pipeline, request, spec, guidance=guidance)
    _note_cut_prompts(pipeline, request)
    started = perf_counter()
    result = _run(pipeline, request, chosen)
    seconds = perf_counter() - started
    _write(pipeline, request, chosen, result=result, paths=paths, name=plan_name(spec))
    if latents_out is not None:
        write_latents(latents_out, result.latents)
    facts = PlanFacts.of(spec, chosen, name=plan_name(spec)).decided(result.deep_calls if spec.rule else None)
    _report(pipeline, request, chosen, facts=facts, paths=paths, seconds=seconds, as_json=as_json)


def _note_doubts(pipeline: Pipeline, request: Request, spec: PlanSpec, *, guidance: float) -> None:
    """Note where the plan is used otherwise than it was solved for."""
    manifest = pipeline.bundle.manifest
    height, width = request.size(manifest.state)
    model = manifest.provenance.model
    for doubt in plan_doubts(spec, model=model, guidance=guidance, height=height, width=width):
        note(str(doubt))


def _note_cut_prompts(pipeline: Pipeline, request: Request) -> None:
    """Note the end of each prompt that is too long; it is cut off, as in diffusers."""
    for prompt in (*request.prompts, *request.negatives):
        # Encoders of one model have like tokenizers: the one that cuts most says it for all.
        tokens = max(pipeline.tokenize(prompt), key=lambda each: len(each.cut), default=None)
        if tokens is not None and tokens.cut:
            fits = f"the prompt has {tokens.count} tokens, {len(tokens.ids)} fit"
            note(f"{fits}; this end of it is not used: {tokens.cut!r}")


def _run(pipeline: Pipeline, request: Request, plan: Plan) -> Result:
    latents, deep = np.empty(0, np.float32), list[int]()
    with progress_bar() as progress:
        task = progress.add_task("denoise", total=len(plan.calls))
        for step in pipeline.denoise(request, plan):
            progress.advance(task)
            latents = step.latents
            if isinstance(step.call, Deep):
                deep.append(step.index)
        progress.update(task, description="decode")
        return Result(images=pipeline.decode(latents), latents=latents, deep_calls=tuple(deep))


def _write(pipeline: Pipeline, request: Request, plan: Plan, *, result: Result, paths: list[Path], name: str) -> None:
    for index, (path, pixels) in enumerate(zip(paths, result.images, strict=True)):
        label = ImageLabel(
            prompt=request.prompts[index // request.images_per_prompt],
            negative=request.negatives[0],
            seed=request.seed + index,
            plan=name,
            scheduler=plan.schedule.scheduler,
            steps=plan.schedule.steps,
            guidance=plan.guidance,
            bundle=pipeline.bundle.digest,
            weights=pipeline.bundle.manifest.provenance.weights,
        )
        write_png(path, pixels, label=label)


def _report(
    pipeline: Pipeline,
    request: Request,
    plan: Plan,
    *,
    facts: PlanFacts,
    paths: list[Path],
    seconds: float,
    as_json: bool,
) -> None:
    weights = pipeline.bundle.manifest.provenance.weights
    if weights == "random":
        note("random weights: the picture means nothing")
    if as_json:
        print_json(
            Generated(
                images=[str(path) for path in paths],
                seeds=[request.seed + index for index in range(len(paths))],
                bundle=pipeline.bundle.digest,
                weights=weights,
                scheduler=plan.schedule.scheduler,
                steps=plan.schedule.steps,
                calls=facts.calls,
                deep_calls=facts.deep_calls,
                skipped_calls=facts.plan.skip,
                seconds=seconds,
                peak_rss_bytes=peak_rss_bytes(),
                backend=pipeline.describe(),
            )
        )
        return
    for index, path in enumerate(paths):
        print_line(f"{path}  seed {request.seed + index}")
    deep, shallow, skipped = (len(each) for each in (facts.deep_calls, facts.shallow_calls, facts.plan.skip))
    calls = f"{deep} deep and {shallow} shallow calls" + (f", {skipped} skipped" if skipped else "")
    ran = pipeline.describe()
    print_line(f"{plan.schedule.scheduler} {plan.schedule.steps} steps, {calls}, {seconds:.2f} s on {runs(ran)}")
