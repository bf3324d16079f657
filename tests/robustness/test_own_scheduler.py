"""A bundle of a pipeline whose scheduler no short name describes, and whose prompts are shorter than its positions."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.bundles import kept_bundle
from tests.command import accel
from tests.exporter.pipelines import load_in_diffusers, write_tiny_pipeline
from tests.kept import kept

from accel_bench.cli.find_schedule import find_schedule
from accel_bench.codegen.settings import scheduler_class
from accel_exporter import ExportOptions
from accel_exporter.check import relative_error
from accel_exporter.schedules.ship import allowed_difference, difference
from accel_runtime import InputError, Pipeline, PlanSpec, Request, compile_plan, open_bundle
from accel_runtime.manifest import read_manifest
from accel_runtime.schedules.file import OWN_SCHEDULER

STEPS, LENGTH = 4, 7
PROMPT = "a cat on a mat"


def write_source(folder: Path) -> None:
    """TCD, to which diffusers' pipeline gives an eta of 0 and its short name 0.3; 7 ids of 12 positions."""
    write_tiny_pipeline(folder)
    change(folder / "model_index.json", scheduler=["diffusers", "TCDScheduler"])
    change(folder / "scheduler/scheduler_config.json", _class_name="TCDScheduler")
    change(folder / "tokenizer/tokenizer_config.json", model_max_length=LENGTH)


def change(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.fixture(scope="module")
def source() -> Path:
    return kept("own-scheduler-source", write_source)


@pytest.fixture(scope="module")
def bundle(source: Path) -> Path:
    options = ExportOptions(branches=(0,), schedulers=("tcd", "euler", OWN_SCHEDULER), max_steps=STEPS)
    return kept_bundle("own-scheduler", source, options)


@pytest.fixture(scope="module")
def ours(bundle: Path) -> Pipeline:
    return open_bundle(bundle)


@pytest.fixture(scope="module")
def theirs(source: Path) -> Any:
    return load_in_diffusers(source)


def drawn(pipe: Any, steps: int = STEPS, **options: Any) -> Any:
    generator = torch.Generator("cpu").manual_seed(5)
    return pipe(PROMPT, num_inference_steps=steps, generator=generator, output_type="latent", **options).images.numpy()


def test_without_a_scheduler_it_draws_diffusers_picture(ours: Pipeline, theirs: Any) -> None:
    result = ours.generate(Request((PROMPT,), seed=5), ours.plan(STEPS))

    assert ours.bundle.manifest.schedules.default == OWN_SCHEDULER
    assert relative_error(result.latents, drawn(theirs)) <= 1e-5


def test_a_name_draws_what_the_name_means(ours: Pipeline, theirs: Any) -> None:
    result = ours.generate(Request((PROMPT,), seed=5), ours.plan(STEPS, scheduler="tcd"))

    assert relative_error(result.latents, drawn(theirs, eta=0.3)) <= 1e-5
    assert relative_error(result.latents, drawn(theirs)) > 1e-3
    for name in ("tcd", "TCDScheduler"):
        assert ours.schedule_file(name).scheduler == "tcd"
    assert ours.schedule_file(OWN_SCHEDULER) is not None


def test_steps_that_the_bundle_lacks_are_compiled_of_the_pipelines_own_scheduler(ours: Pipeline, theirs: Any) -> None:
    schedule = find_schedule(ours, STEPS + 2, scheduler=None, strength=None)
    plan = compile_plan(PlanSpec(deep="full"), schedule, guidance=7.5)

    result = ours.generate(Request((PROMPT,), seed=5), plan)

    assert relative_error(result.latents, drawn(theirs, STEPS + 2)) <= 1e-5


def test_the_word_for_it_means_it_also_where_it_goes_by_a_short_name(pipeline: Pipeline) -> None:
    asked = find_schedule(pipeline, STEPS, scheduler=OWN_SCHEDULER, strength=None)

    assert asked.scheduler == pipeline.bundle.manifest.schedules.default == "pndm"
    assert difference(asked, pipeline.schedule(STEPS)) <= allowed_difference()


def test_a_script_for_diffusers_cannot_name_it_and_says_so() -> None:
    with pytest.raises(InputError, match="has no name in diffusers: take --target runtime"):
        scheduler_class(OWN_SCHEDULER)


def test_a_long_prompt_is_cut_where_diffusers_cuts_it(ours: Pipeline, theirs: Any) -> None:
    expected = theirs.tokenizer(PROMPT, padding="max_length", max_length=LENGTH, truncation=True).input_ids

    (tokens,) = ours.tokenize(PROMPT)
    assert tokens.ids.tolist() == expected
    assert len(expected) == LENGTH < theirs.text_encoder.config.max_position_embeddings


def test_the_command_draws_it_lists_it_and_adds_to_it(bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(bundle, tmp_path / "bundle")
    steps = ("--steps", "4", "--json")

    without = json.loads(accel("generate", "bundle", PROMPT, "-o", "a.png", *steps, cwd=tmp_path).stdout)
    listed = json.loads(accel("schedulers", "bundle", "--json", cwd=tmp_path).stdout)
    added = accel("schedules", "add", "bundle", OWN_SCHEDULER, "--steps", "9", cwd=tmp_path)

    assert without["scheduler"] == listed["default"] == OWN_SCHEDULER
    assert added.returncode == 0, added.stderr
    assert 9 in {steps for steps, _ in open_bundle(tmp_path / "bundle").schedule_file().index}


def test_a_named_list_without_the_pipelines_own_begins_with_the_default(
    forms_folder: Path, source_folder: Path
) -> None:
    own = json.loads((source_folder / "scheduler/scheduler_config.json").read_text())["_class_name"]

    assert own == "PNDMScheduler"
    assert read_manifest(forms_folder).schedules.default == "ddim"
