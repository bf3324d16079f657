import shutil
from pathlib import Path

import pytest
import torch
from msgspec.structs import replace
from tests.robustness.copies import copy_bundle
from transformers import CLIPTokenizer

from accel_exporter import open_source
from accel_exporter.model_hash import model_hash
from accel_exporter.named_plans import write_plans
from accel_exporter.sources import shipped
from accel_runtime import open_bundle
from accel_runtime.bundle.bundle import unlisted_files, write_manifest
from accel_runtime.errors import InputError, SourceError
from accel_runtime.manifest import is_plan_name, read_manifest
from accel_runtime.plans.file import encode_plan
from accel_runtime.plans.spec import PlanSpec

MEGABYTE = 1_000_000
FAST = PlanSpec(deep=(0, 2), scheduler="ddim", steps=4)
OTHER_BRANCH = PlanSpec(deep=(0, 2), branch=40, scheduler="ddim", steps=4)


def test_the_model_the_package_brings_is_a_trained_one() -> None:
    origin = open_source("tiny").origin
    assert (origin.source, origin.revision, origin.weights, origin.seed) == ("tiny", None, "trained", None)


def test_it_is_the_architecture_that_random_weights_are_made_for() -> None:
    trained, random = open_source("tiny"), open_source("tiny", weights="random")
    shapes = [{name: tuple(each.shape) for name, each in s.load_unet().state_dict().items()} for s in (trained, random)]
    assert shapes[0] == shapes[1]


def test_its_weights_are_read_as_float32_whatever_they_are_stored_as() -> None:
    source = open_source("tiny")
    parts = (source.load_unet(), source.load_vae(), source.load_text_encoder())
    assert {each.dtype for part in parts for each in part.parameters()} == {torch.float32}


def test_its_words_are_tokens_of_their_own() -> None:
    tokenizer: CLIPTokenizer = open_source("tiny").load_tokenizer()
    ids = tokenizer("red apple on a blue background").input_ids
    assert tokenizer.convert_ids_to_tokens(ids[1:-1]) == [
        "red</w>",
        "apple</w>",
        "on</w>",
        "a</w>",
        "blue</w>",
        "background</w>",
    ]


def test_its_configs_name_no_path_of_the_machine_that_trained_it() -> None:
    for config in (shipped.ARCHITECTURES / "tiny").rglob("*.json"):
        assert "_name_or_path" not in config.read_text("utf-8")


def test_the_plans_it_brings_were_solved_for_its_weights_and_have_names() -> None:
    source = open_source("tiny")
    solved_for = [spec.solved_for.model for spec in source.plans.values() if spec.solved_for]

    assert all(map(is_plan_name, source.plans))
    assert len(solved_for) == len(source.plans)
    assert set(solved_for) <= {model_hash(source.load_unet())}


def test_its_plans_are_those_of_its_folder_and_random_weights_have_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(shipped.ARCHITECTURES / "tiny", tmp_path / "tiny")
    shutil.rmtree(tmp_path / "tiny" / "plans", ignore_errors=True)
    (tmp_path / "tiny" / "plans").mkdir()
    (tmp_path / "tiny" / "plans" / "fast.json").write_bytes(encode_plan(FAST))
    monkeypatch.setattr(shipped, "ARCHITECTURES", tmp_path)

    assert open_source("tiny").plans == {"fast": FAST}
    assert open_source("tiny", weights="random").plans == {}
    assert open_source(str(tmp_path / "tiny"), variant="fp16").plans == {}
    (tmp_path / "tiny" / "plans" / "fast.json").write_text('{"version": 2}')
    with pytest.raises(SourceError, match=r"fast\.json: .*missing required field `deep`"):
        assert open_source("tiny").plans


def test_a_bundle_gets_the_plans_that_it_can_run(bundle_folder: Path, tmp_path: Path) -> None:
    folder = copy_bundle(bundle_folder, tmp_path / "bundle")
    plans = {"fast": FAST, "other-branch": OTHER_BRANCH, "more-steps": replace(FAST, steps=70)}

    write_manifest(folder, write_plans(folder, read_manifest(folder), plans))

    pipeline = open_bundle(folder)
    assert pipeline.bundle.manifest.plans.keys() == {"fast"}
    assert pipeline.named_plan("fast") == FAST
    assert unlisted_files(folder, pipeline.bundle.manifest.files) == ()


def test_it_stays_small_enough_to_ship() -> None:
    files = (shipped.ARCHITECTURES / "tiny").rglob("*")
    assert sum(file.stat().st_size for file in files if file.is_file()) <= 20 * MEGABYTE


@pytest.mark.parametrize("option", ["variant", "revision"])
def test_options_of_other_sources_are_refused(option: str) -> None:
    with pytest.raises(InputError, match=rf"--{option} main cannot be used here: the built-in model has none"):
        open_source(
            "tiny", variant="main" if option == "variant" else None, revision="main" if option != "variant" else None
        )


def test_an_installation_without_the_weights_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "ARCHITECTURES", tmp_path)
    with pytest.raises(SourceError, match="is not a folder"):
        open_source("tiny")
