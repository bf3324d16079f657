import json
import logging
import os
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.utils import logging as diffusers_logging
from safetensors.torch import load_file, save_file
from tests.exporter.pipelines import TOKENS, write_tiny_pipeline
from transformers.utils import logging as transformers_logging

from accel_exporter.libraries import quiet
from accel_exporter.sources import Source, open_folder, open_source
from accel_runtime.errors import InputError, SourceError

UNET = "unet/diffusion_pytorch_model.safetensors"
TEXT = "text_encoder/model.safetensors"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tiny_pipeline(tmp_path / "pipe")
    return tmp_path / "pipe"


# diffusers hides its classes from type checkers behind placeholders, hence Any for what is loaded.
def load_all(source: Source) -> dict[str, Any]:
    return {"unet": source.load_unet(), "vae": source.load_vae(), "text_encoder": source.load_text_encoder()}


def assert_same(source: Source, pipeline: Any) -> None:
    for part, model in load_all(source).items():
        expected = getattr(pipeline, part).state_dict()
        for name, tensor in model.state_dict().items():
            assert torch.equal(tensor, expected[name].to(tensor.dtype)), (part, name)


def edit_json(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"safetensors": False},
        {"max_shard_size": "60KB"},
        {"variant": "fp16"},
        {"variant": "fp16", "max_shard_size": "60KB"},
    ],
    ids=str,
)
def test_what_diffusers_saved_is_read_back_exactly(tmp_path: Path, options: dict[str, Any]) -> None:
    pipeline = write_tiny_pipeline(tmp_path, **options)
    assert_same(open_folder(tmp_path, variant=options.get("variant")), pipeline)


def test_parts_come_in_float32_and_evaluation_mode_also_from_half_precision_files(tmp_path: Path) -> None:
    write_tiny_pipeline(tmp_path, variant="fp16")
    for model in load_all(open_folder(tmp_path, variant="fp16")).values():
        assert not model.training
        assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_the_asked_variant_is_what_is_read_where_plain_weights_lie_beside_it(tmp_path: Path) -> None:
    plain = write_tiny_pipeline(tmp_path, seed=1)
    half = write_tiny_pipeline(tmp_path, seed=2, variant="fp16")
    assert_same(open_folder(tmp_path, variant=None), plain)
    assert_same(open_folder(tmp_path, variant="fp16"), half)


def test_tokenizer_scheduler_and_origin_are_the_folders(folder: Path) -> None:
    source = open_source(str(folder))
    assert source.load_tokenizer()("ab").input_ids == open_folder(folder, variant=None).load_tokenizer()("ab").input_ids
    assert source.load_tokenizer().model_max_length == TOKENS
    assert source.scheduler_config["_class_name"] == "PNDMScheduler"
    assert source.model_index["_class_name"] == "StableDiffusionPipeline"
    assert (source.origin.source, source.origin.revision) == ("pipe", None)
    assert (source.origin.weights, source.origin.seed) == ("trained", None)


def test_a_tokenizer_of_vocabulary_and_merges_is_read(folder: Path) -> None:
    whole = open_folder(folder, variant=None).load_tokenizer()
    path = folder / "tokenizer" / "tokenizer.json"
    vocab = json.loads(path.read_text())["model"]["vocab"]
    path.unlink()
    (folder / "tokenizer" / "vocab.json").write_text(json.dumps(vocab))
    (folder / "tokenizer" / "merges.txt").write_text("#version: 0.2\n")
    parts = open_folder(folder, variant=None).load_tokenizer()
    assert parts("a squirrel, é!").input_ids == whole("a squirrel, é!").input_ids


def test_a_source_may_be_given_relative_to_the_working_directory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert open_source(".").origin.source == "pipe"


def test_an_alias_is_the_alias_whatever_folders_lie_around(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.rename(folder.parent / "tiny")
    monkeypatch.chdir(folder.parent)
    assert open_source("tiny").unet_config != open_source("./tiny").unet_config
    assert open_source("./tiny").origin.source == "tiny"


def test_a_revision_for_a_folder_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="--revision main cannot be used here"):
        open_source(str(folder), revision="main")


def test_a_missing_folder_and_a_folder_without_a_pipeline_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere' is not a folder"):
        open_source(str(tmp_path / "nowhere"))
    with pytest.raises(SourceError, match=r"is not a diffusers folder: it has no model_index\.json"):
        open_source(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "model_index.json is not JSON"),
        ("\x80", "model_index.json is not JSON"),
        ("[" * 100_000, "model_index.json is not JSON"),
        ("[1]", "model_index.json: expected a JSON object, got list"),
        ("{}", "pipeline None is not supported yet, expected StableDiffusionPipeline"),
        ('{"_class_name": ["a"]}', r"pipeline \['a'\] is not supported yet"),
        ('{"_class_name": "StableDiffusion3Pipeline"}', "'StableDiffusion3Pipeline' is not supported yet"),
        ('{"_class_name": "StableDiffusionPipeline"}', "component 'unet' is missing"),
    ],
)
def test_a_model_index_that_is_not_ours_gives_one_line(folder: Path, text: str, message: str) -> None:
    (folder / "model_index.json").write_text(text, encoding="latin-1")
    with pytest.raises(SourceError, match=message) as caught:
        open_folder(folder, variant=None)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ([None, None], "component 'unet' is missing"),
        ("UNet2DConditionModel", r"'unet' must be \[library, class\]"),
        (["diffusers", 3], r"'unet' must be \[library, class\]"),
        (["diffusers", "UNet3D"], "'unet' is a UNet3D, not supported yet, expected UNet2DConditionModel"),
    ],
)
def test_a_wrong_component_entry_gives_one_line(folder: Path, entry: object, message: str) -> None:
    edit_json(folder / "model_index.json", unet=entry)
    with pytest.raises(SourceError, match=message):
        open_folder(folder, variant=None)


@pytest.mark.parametrize("name", [UNET, "text_encoder/model.safetensors"])
@pytest.mark.parametrize("keep", [0, 5, 200, -1])
def test_truncated_weights_are_named(folder: Path, name: str, keep: int) -> None:
    (folder / name).write_bytes((folder / name).read_bytes()[:keep])
    with pytest.raises(SourceError, match=f"{name} is not a whole safetensors file"):
        load_all(open_folder(folder, variant=None))


@pytest.mark.parametrize("name", [UNET, TEXT])
def test_weights_with_a_hole_are_refused_and_not_filled_with_noise(folder: Path, name: str) -> None:
    tensors = load_file(folder / name)
    gone = min(tensors)
    del tensors[gone]
    save_file(tensors, folder / name, metadata={"format": "pt"})
    with pytest.raises(SourceError, match=f"{name}: 1 tensors that the config asks for are missing, such as '{gone}'"):
        load_all(open_folder(folder, variant=None))


@pytest.mark.parametrize("name", [UNET, TEXT])
def test_weights_of_other_shapes_are_refused(folder: Path, name: str) -> None:
    tensors = load_file(folder / name)
    first = min(tensors)
    save_file({**tensors, first: torch.zeros(3, 5)}, folder / name, metadata={"format": "pt"})
    with pytest.raises(SourceError, match=f"{name} cannot be loaded: ") as caught:
        load_all(open_folder(folder, variant=None))
    assert "\n" not in str(caught.value)


class Payload:
    """What a malicious checkpoint holds: unpickling it makes a folder."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.proof),)


@pytest.mark.parametrize(
    "name",
    ["unet/diffusion_pytorch_model.bin", "vae/diffusion_pytorch_model.bin", "text_encoder/pytorch_model.bin"],
)
def test_a_pickle_that_runs_code_is_refused_and_does_not_run(tmp_path: Path, name: str) -> None:
    folder, proof = tmp_path / "pipe", tmp_path / "proof"
    write_tiny_pipeline(folder, safetensors=False)
    torch.save({"weight": Payload(proof)}, folder / name)
    with pytest.raises(SourceError, match=f"{name} cannot be loaded: it is not a pickle of tensors alone"):
        load_all(open_folder(folder, variant=None))
    assert not proof.exists()
    torch.load(folder / name, weights_only=False)
    assert proof.exists(), "the payload works, so its silence above means something"


@pytest.mark.parametrize("content", [b"", b"not a pickle"])
@pytest.mark.parametrize("name", ["unet/diffusion_pytorch_model.bin", "text_encoder/pytorch_model.bin"])
def test_a_bin_file_that_is_no_checkpoint_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    write_tiny_pipeline(tmp_path, safetensors=False)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=f"{name} cannot be loaded: "):
        load_all(open_folder(tmp_path, variant=None))


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_a_broken_config_is_named(folder: Path, part: str, text: str) -> None:
    (folder / part / "config.json").write_text(text)
    with pytest.raises(SourceError, match=f"{part}/config.json"):
        load_all(open_folder(folder, variant=None))


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("unet", {"block_out_channels": "wide"}),
        ("unet", {"down_block_types": ["NoSuchBlock"]}),
        ("vae", {"latent_channels": None}),
        ("text_encoder", {"hidden_size": "big"}),
    ],
)
def test_a_config_with_wrong_types_gives_one_line(folder: Path, part: str, change: dict[str, Any]) -> None:
    edit_json(folder / part / "config.json", **change)
    with pytest.raises(SourceError, match=f"{part}/.* cannot be loaded: ") as caught:
        load_all(open_folder(folder, variant=None))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("weight_map", "message"),
    [
        (None, "expected an object 'weight_map'"),
        ({"conv_in.weight": "../../secret.safetensors"}, "names the shard '../../secret.safetensors'"),
        ({"conv_in.weight": 7}, "names the shard 7"),
    ],
)
def test_a_shard_index_that_points_elsewhere_is_refused(tmp_path: Path, weight_map: object, message: str) -> None:
    write_tiny_pipeline(tmp_path, max_shard_size="60KB")
    edit_json(tmp_path / "unet/diffusion_pytorch_model.safetensors.index.json", weight_map=weight_map)
    with pytest.raises(SourceError, match=message):
        open_folder(tmp_path, variant=None).load_unet()


@pytest.mark.parametrize("text", ["{", "[]", '{"_class_name": 3}'])
def test_a_broken_scheduler_config_is_named(folder: Path, text: str) -> None:
    (folder / "scheduler/scheduler_config.json").write_text(text)
    with pytest.raises(SourceError, match=r"scheduler/scheduler_config\.json"):
        open_folder(folder, variant=None)


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_a_broken_tokenizer_is_named(folder: Path, text: str) -> None:
    (folder / "tokenizer/tokenizer.json").write_text(text)
    with pytest.raises(SourceError, match="tokenizer"):
        open_folder(folder, variant=None).load_tokenizer()


def test_loading_prints_nothing_and_leaves_the_libraries_talkative(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    libraries = (diffusers_logging, transformers_logging)
    before = [(library.get_verbosity(), library.is_progress_bar_enabled()) for library in libraries]
    load_all(open_folder(folder, variant=None))
    assert capfd.readouterr() == ("", "")
    assert [(library.get_verbosity(), library.is_progress_bar_enabled()) for library in libraries] == before


@quiet()
def fail_quietly() -> None:
    assert transformers_logging.get_verbosity() == logging.CRITICAL
    warnings.warn("unheard", UserWarning, stacklevel=1)
    raise RuntimeError


def test_silence_ends_with_an_error_too() -> None:
    level = transformers_logging.get_verbosity()
    with pytest.raises(RuntimeError):
        fail_quietly()
    assert transformers_logging.get_verbosity() == level
