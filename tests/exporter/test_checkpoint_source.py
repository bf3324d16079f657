"""A checkpoint in one file is the pipeline that it was written from."""

import json
import pickle
import struct
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.bundles import family_source, kept_source
from tests.exporter.families import load_family
from tests.exporter.original import original_tensors, write_checkpoint
from tests.exporter.pipelines import load_in_diffusers
from torch import Tensor

from accel_exporter import Changes, ExportOptions, export_bundle
from accel_exporter.families.known import family_of
from accel_exporter.sources import Source, open_source
from accel_exporter.sources.checkpoint import open_checkpoint
from accel_exporter.sources.clip_vocabulary import CLIP_TOKENS
from accel_exporter.sources.model_index import text_encoders, tokenizer_of
from accel_runtime.manifest import read_manifest

FAMILIES = ("sd15", "sd21", "sdxl", "refiner")


@cache
def folder_of(family: str) -> Path:
    return kept_source() if family == "sd15" else family_source(family)


def in_diffusers(family: str) -> Any:
    return load_in_diffusers(folder_of(family)) if family == "sd15" else load_family(folder_of(family))


def models(source: Source) -> list[Any]:
    return [source.load_unet(), source.load_vae(), *map(source.load_text_encoder, text_encoders(source.model_index))]


def assert_same(found: Source, wanted: Source) -> None:
    for one, other in zip(models(found), models(wanted), strict=True):
        mine, theirs = one.state_dict(), other.state_dict()
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[name], theirs[name]) for name in mine)
        assert {parameter.dtype for parameter in one.parameters()} == {torch.float32}
        assert not one.training
        assert written(one.config) == written(other.config)


def written(config: Any) -> Mapping[str, Any]:
    """What the bundle keeps of a config."""
    values = config.to_dict() if hasattr(config, "to_dict") else config
    return {key: value for key, value in values.items() if key != "_name_or_path"}


@pytest.mark.parametrize("family", FAMILIES)
def test_all_parts_are_those_of_the_folder_bit_for_bit(family: str, tmp_path: Path) -> None:
    file, folder = tmp_path / "model.safetensors", folder_of(family)
    write_checkpoint(in_diffusers(family), file)

    source = open_source(str(file), config=folder)

    assert_same(source, open_source(str(folder)))
    family_of(source).check(source)
    assert source.origin.source == "model.safetensors"


@pytest.mark.parametrize("ending", [".ckpt", ".bin"])
def test_a_pickle_of_tensors_is_read_too(ending: str, tmp_path: Path) -> None:
    file = tmp_path / f"model{ending}"
    write_checkpoint(in_diffusers("sd15"), file)

    assert_same(open_source(str(file), config=folder_of("sd15")), open_source(str(folder_of("sd15"))))


def test_half_precision_and_names_of_old_files_are_read(tmp_path: Path) -> None:
    file, pipe = tmp_path / "model.ckpt", in_diffusers("sd15").to(dtype=torch.float16)
    tensors = {name.replace(".text_model.", "."): tensor for name, tensor in original_tensors(pipe).items()}
    torch.save(tensors, file, _use_new_zipfile_serialization=False)

    assert_same(open_source(str(file), config=folder_of("sd15")), _Halved(open_source(str(folder_of("sd15")))))


class _Halved:
    """A source whose weights went through half precision."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._source, name)
        return (lambda *part: found(*part).half().float()) if name.startswith("load_") else found


@pytest.mark.parametrize("architecture", ["sd15", "sd15-inpaint", "sd21", "sdxl", "sdxl-refiner"])
def test_the_real_architectures_are_told_by_their_tensors(architecture: str, tmp_path: Path) -> None:
    """Files with all names and shapes of the published models, and holes in place of numbers."""
    file, random = tmp_path / "model.safetensors", open_source(architecture, weights="random")
    with torch.device("meta"):
        write_hollow(original_tensors(_Parts(random)), file)

    source = open_checkpoint(file, config=None)

    assert source.folder.name == architecture
    for part in text_encoders(source.model_index):
        tokenizer = source.load_tokenizer(tokenizer_of(part))
        assert (len(tokenizer), tokenizer.model_max_length) == (CLIP_TOKENS, 77)
        assert tokenizer("a photo of a cat").input_ids == [49406, 320, 1125, 539, 320, 2368, 49407]


class _Parts:
    """The models of a source by diffusers' names."""

    def __init__(self, source: Source) -> None:
        texts = text_encoders(source.model_index)
        self.unet, self.vae = source.load_unet(), source.load_vae()
        self.text_encoder = source.load_text_encoder() if "text_encoder" in texts else None
        self.text_encoder_2 = source.load_text_encoder("text_encoder_2") if "text_encoder_2" in texts else None


def write_hollow(tensors: Mapping[str, Tensor], file: Path) -> None:
    """A sparse file: the header of half precision tensors, and as many bytes behind it as it says."""
    header, end = {}, 0
    for name, tensor in tensors.items():
        start, end = end, end + 2 * tensor.numel()
        header[name] = {"dtype": "F16", "shape": list(tensor.shape), "data_offsets": [start, end]}
    raw = json.dumps(header).encode()
    with file.open("wb") as opened:
        opened.write(struct.pack("<Q", len(raw)) + raw)
        opened.truncate(8 + len(raw) + end)


def test_a_second_process_can_be_handed_the_pipeline(tmp_path: Path) -> None:
    file, folder = tmp_path / "model.safetensors", folder_of("sd15")
    write_checkpoint(in_diffusers("sd15"), file)
    changes = Changes(vae=folder / "vae", clip_skip=1)

    source = open_source(str(file), config=folder, changes=changes)

    assert pickle.loads(pickle.dumps(source)) == source  # noqa: S301 - our own


@pytest.mark.slow
def test_a_bundle_of_the_file_has_the_bytes_of_the_folders(tmp_path: Path) -> None:
    file, folder = tmp_path / "model.safetensors", folder_of("sd15")
    write_checkpoint(in_diffusers("sd15"), file)
    options = ExportOptions(schedulers=("ddim",), max_steps=3)

    for name, source in (("one", open_source(str(file), config=folder)), ("two", open_source(str(folder)))):
        for _ in export_bundle(source, tmp_path / name, options=options):
            pass

    assert read_manifest(tmp_path / "one").files == read_manifest(tmp_path / "two").files
