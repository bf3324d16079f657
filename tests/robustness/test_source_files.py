"""Files of a pipeline that are not whole, or lie there as an older diffusers wrote them."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.exporter.pipelines import write_tiny_pipeline

from accel_exporter.sources import FolderSource, open_folder, select_files
from accel_exporter.sources.common import folder_listing
from accel_exporter.sources.model_index import read_model_index
from accel_runtime.errors import SourceError

POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 123456789\n"
LAYOUTS: dict[str, dict[str, Any]] = {
    "safetensors": {},
    "bin": {"safetensors": False},
    "shards": {"max_shard_size": "60KB"},
    "a variant": {"variant": "fp16"},
}


def written(folder: Path, layout: str) -> tuple[str, ...]:
    """A pipeline in ``folder``, its tokenizer in both forms; returns what is read of it."""
    write_tiny_pipeline(folder, **LAYOUTS[layout])
    vocabulary = json.loads((folder / "tokenizer/tokenizer.json").read_text())["model"]["vocab"]
    (folder / "tokenizer/vocab.json").write_text(json.dumps(vocabulary))
    (folder / "tokenizer/merges.txt").write_text("#version: 0.2\n")
    index = read_model_index(folder)
    return select_files(folder_listing(folder), index, variant=LAYOUTS[layout].get("variant"))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_file_that_is_read_may_turn_out_a_pointer_of_git_lfs(tmp_path: Path, layout: str) -> None:
    for name in written(tmp_path, layout):
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_text(POINTER)
        with pytest.raises(SourceError, match=rf"^{re.escape(name)} is a Git LFS pointer.*`git lfs pull`"):
            open_folder(tmp_path, variant=LAYOUTS[layout].get("variant"))
        (tmp_path / name).write_bytes(content)
    open_folder(tmp_path, variant=LAYOUTS[layout].get("variant"))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_file_of_a_hub_cache_may_be_a_link_to_nothing(tmp_path: Path, layout: str) -> None:
    snapshot, blobs = tmp_path / "snapshot", tmp_path / "blobs"
    names = written(snapshot, layout)
    blobs.mkdir()
    for number, name in enumerate(names):
        shutil.move(snapshot / name, blobs / str(number))
        (snapshot / name).symlink_to(blobs / str(number))
    open_folder(snapshot, variant=LAYOUTS[layout].get("variant"))

    for number, name in enumerate(names):
        (blobs / str(number)).rename(blobs / "elsewhere")
        with pytest.raises(SourceError, match=rf"^{re.escape(name)} is a link to a file .*the download is incomplete"):
            open_folder(snapshot, variant=LAYOUTS[layout].get("variant"))
        (blobs / "elsewhere").rename(blobs / str(number))


def test_a_link_to_nothing_that_is_not_read_is_nobodys_affair(tmp_path: Path) -> None:
    write_tiny_pipeline(tmp_path)
    (tmp_path / "unet/diffusion_pytorch_model.fp16.safetensors").symlink_to(tmp_path / "nowhere")
    (tmp_path / "notes.txt").symlink_to(tmp_path / "nowhere")

    assert open_folder(tmp_path, variant=None).digest


def as_older_versions_wrote(folder: Path, part: str, *, index: str, ending: str = "safetensors") -> None:
    """Rename the shards of the variant fp16 from today's form to the older one."""
    stem = f"{part}/diffusion_pytorch_model"
    path = folder / f"{stem}.{ending}.index.fp16.json"
    document = json.loads(path.read_text())
    path.unlink()
    for shard in set(document["weight_map"].values()):
        (folder / part / shard).rename(folder / part / older(shard))
    document["weight_map"] = {tensor: older(shard) for tensor, shard in document["weight_map"].items()}
    (folder / f"{stem}.{index}").write_text(json.dumps(document))


def older(shard: str) -> str:
    stem, number, ending = re.fullmatch(r"(.+)\.fp16(-\d+-of-\d+)\.(\w+)", shard).groups()  # type: ignore[union-attr]
    return f"{stem}{number}.fp16.{ending}"


@pytest.mark.parametrize("index", ["safetensors.fp16.index.json", "safetensors.index.fp16.json"])
def test_shards_of_a_variant_in_their_older_form_are_what_diffusers_loads(tmp_path: Path, index: str) -> None:
    from diffusers import UNet2DConditionModel

    write_tiny_pipeline(tmp_path, variant="fp16", max_shard_size="60KB")
    for part in ("unet", "vae"):
        as_older_versions_wrote(tmp_path, part, index=index)
    kind: Any = UNet2DConditionModel

    expected = kind.from_pretrained(tmp_path / "unet", variant="fp16", torch_dtype=torch.float32).state_dict()
    found = open_folder(tmp_path, variant="fp16").load_unet().state_dict()

    assert len(list(tmp_path.glob("unet/*-of-*.fp16.safetensors"))) > 1
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in found)


def test_a_missing_shard_of_the_older_form_is_named(tmp_path: Path) -> None:
    write_tiny_pipeline(tmp_path, variant="fp16", max_shard_size="60KB")
    as_older_versions_wrote(tmp_path, "unet", index="safetensors.fp16.index.json")
    first = min(tmp_path.glob("unet/*-of-*.fp16.safetensors"))
    first.unlink()

    with pytest.raises(SourceError, match=rf"unet/{first.name} is missing"):
        open_folder(tmp_path, variant="fp16")


def test_a_variant_that_is_there_only_in_the_older_form_is_one_that_exists(tmp_path: Path) -> None:
    write_tiny_pipeline(tmp_path, variant="fp16", max_shard_size="60KB")
    for part in ("unet", "vae"):
        as_older_versions_wrote(tmp_path, part, index="safetensors.fp16.index.json")

    with pytest.raises(SourceError, match=r"has only variant weights \(fp16\): add `--variant fp16`"):
        open_folder(tmp_path, variant=None)


def test_pickles_in_shards_are_read_although_diffusers_refuses_them_alone(tmp_path: Path) -> None:
    from diffusers import UNet2DConditionModel

    kind: Any = UNet2DConditionModel
    pipeline = write_tiny_pipeline(tmp_path, safetensors=False, max_shard_size="60KB")
    assert len(list(tmp_path.glob("unet/*-of-*.bin"))) > 1

    source: FolderSource = open_folder(tmp_path, variant=None)

    found, expected = source.load_unet().state_dict(), pipeline.unet.state_dict()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    with pytest.raises(OSError, match="no file named"):
        kind.from_pretrained(tmp_path / "unet")
