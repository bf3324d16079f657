import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import HfApi
from tests.exporter.hub_server import Fault, Hub, commit_of, serve_hub
from tests.exporter.pipelines import write_tiny_pipeline

from accel_exporter.sources import FolderSource, open_hub, open_source
from accel_runtime.errors import ExportError, InputError, SourceError

NEEDED = {
    "model_index.json",
    "unet/config.json",
    "unet/diffusion_pytorch_model.safetensors",
    "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
    "text_encoder/config.json",
    "text_encoder/model.safetensors",
    "tokenizer/tokenizer.json",
    "tokenizer/tokenizer_config.json",
    "scheduler/scheduler_config.json",
}
VAE = "vae/diffusion_pytorch_model.safetensors"
EXPORT = """
import sys
from accel_exporter.sources import open_source
source = open_source(sys.argv[1])
source.load_unet()
print(source.origin.revision)
"""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    main, old = tmp_path / "main", tmp_path / "old"
    write_tiny_pipeline(main, seed=1)
    write_tiny_pipeline(main, seed=1, variant="fp16")
    write_tiny_pipeline(old, seed=2)
    (main / "README.md").write_text("a card")
    (main / "pipeline.ckpt").write_bytes(b"never wanted")
    (main / "safety_checker").mkdir()
    (main / "safety_checker" / "model.safetensors").write_bytes(b"never wanted")
    with serve_hub({"main": main, "old": old}) as server:
        yield server


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub library waits seconds between its retries."""
    monkeypatch.setattr(time, "sleep", lambda _: None)


def open_from(hub: Hub, cache: Path, *, revision: str | None = None, variant: str | None = None) -> FolderSource:
    api = HfApi(endpoint=hub.endpoint)
    return open_hub(hub.repo_id, revision=revision, variant=variant, cache_dir=cache, api=api)


def weights_of(source: FolderSource) -> torch.Tensor:
    unet: Any = source.load_unet()
    weights: torch.Tensor = unet.conv_in.weight
    return weights


def in_a_process_of_its_own(source: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Open and read ``source`` where the hub library meets our environment at its import."""
    return subprocess.run(
        [sys.executable, "-c", EXPORT, source],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_only_the_files_that_are_needed_are_downloaded_once(hub: Hub, tmp_path: Path) -> None:
    open_from(hub, tmp_path / "cache")
    assert sorted(hub.fetched) == sorted(NEEDED)
    open_from(hub, tmp_path / "cache")
    assert len(hub.fetched) == len(NEEDED)


def test_what_comes_from_the_hub_is_what_was_put_there(hub: Hub, tmp_path: Path) -> None:
    source = open_from(hub, tmp_path / "cache")
    expected = write_tiny_pipeline(tmp_path / "again", seed=1)
    assert torch.equal(weights_of(source), expected.unet.conv_in.weight)
    assert (source.origin.source, source.origin.revision) == ("acme/tiny", commit_of("main"))


def test_the_asked_variant_replaces_the_plain_weights(hub: Hub, tmp_path: Path) -> None:
    open_from(hub, tmp_path / "cache", variant="fp16")
    assert {name for name in hub.fetched if name.endswith(".safetensors")} == {
        name.replace(".safetensors", ".fp16.safetensors") for name in NEEDED if name.endswith(".safetensors")
    }


@pytest.mark.parametrize("revision", ["old", commit_of("old")])
def test_the_asked_revision_is_what_is_read_and_told(hub: Hub, tmp_path: Path, revision: str) -> None:
    source = open_from(hub, tmp_path / "cache", revision=revision)
    main = open_from(hub, tmp_path / "cache")
    assert source.origin.revision == commit_of("old")
    assert not torch.equal(weights_of(source), weights_of(main))


def test_a_pipeline_that_cannot_be_exported_is_refused_before_its_weights_are_downloaded(
    hub: Hub, tmp_path: Path
) -> None:
    (hub.branches["main"] / "model_index.json").write_text('{"_class_name": "StableDiffusion3Pipeline"}')
    with pytest.raises(SourceError, match="'StableDiffusion3Pipeline' is not supported yet"):
        open_from(hub, tmp_path / "cache")
    assert hub.fetched == ["model_index.json"]


def test_a_pipeline_whose_parts_do_not_fit_is_refused_before_its_weights_are_downloaded(
    hub: Hub, tmp_path: Path
) -> None:
    config = hub.branches["main"] / "unet/config.json"
    config.write_text(config.read_text().replace('"in_channels": 4', '"in_channels": 9'))
    with pytest.raises(ExportError, match="in_channels: expected 4"):
        open_from(hub, tmp_path / "cache")
    assert not [name for name in hub.fetched if name.endswith(".safetensors")]


def test_a_repository_without_a_model_index_is_no_pipeline(hub: Hub, tmp_path: Path) -> None:
    (hub.branches["main"] / "model_index.json").unlink()
    with pytest.raises(SourceError, match=r"'acme/tiny' has no model_index\.json"):
        open_from(hub, tmp_path / "cache")


@pytest.mark.parametrize("fault", ["short", "cut", "error"])
def test_a_broken_download_is_an_error_and_the_next_call_mends_it(hub: Hub, tmp_path: Path, fault: Fault) -> None:
    cache = tmp_path / "cache"
    hub.faults[VAE] = fault
    with pytest.raises(SourceError, match="'acme/tiny': the download failed") as caught:
        open_from(hub, cache)
    assert "\n" not in str(caught.value)
    assert not list(cache.rglob("*.incomplete"))
    hub.faults.clear()
    hub.fetched.clear()
    open_from(hub, cache).load_vae()
    assert hub.fetched == [VAE], "what had arrived whole is not downloaded again"


def test_a_broken_download_is_not_taken_for_whole_offline(hub: Hub, tmp_path: Path) -> None:
    hub.faults[VAE] = "error"
    with pytest.raises(SourceError):
        open_from(hub, tmp_path / "cache")
    offline = in_a_process_of_its_own(
        "acme/tiny", HF_ENDPOINT=hub.endpoint, HF_HUB_OFFLINE="1", HF_HUB_CACHE=str(tmp_path / "cache")
    )
    assert offline.returncode == 1
    assert "SourceError: hub repository 'acme/tiny' is not (wholly) in the cache" in offline.stderr


def test_a_hub_that_went_away_is_not_needed_for_what_is_cached(hub: Hub, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with serve_hub(hub.branches) as passing:
        open_from(passing, cache)
    source = open_from(passing, cache)
    source.load_text_encoder()
    assert source.origin.revision == commit_of("main")


def test_a_hub_that_cannot_be_reached_gives_one_line(hub: Hub, tmp_path: Path) -> None:
    with serve_hub(hub.branches) as passing:
        pass
    with pytest.raises(SourceError, match=r"'acme/tiny' is not \(wholly\) in the cache, and the hub cannot be reached"):
        open_from(passing, tmp_path / "cache")


def test_a_repository_and_a_revision_that_do_not_exist_are_told_apart(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="'acme/tiny' has no revision 'v9'"):
        open_from(hub, tmp_path, revision="v9")
    hub.repo_id = "acme/other"
    with pytest.raises(SourceError, match="'acme/tiny' does not exist, or is private"):
        open_hub("acme/tiny", revision=None, variant=None, cache_dir=tmp_path, api=HfApi(endpoint=hub.endpoint))


def test_an_id_the_hub_could_never_have_is_refused() -> None:
    with pytest.raises(SourceError, match="'ac me/ti:ny' is not a hub id: expected organisation/name"):
        open_source("ac me/ti:ny")


def test_the_environment_names_the_hub_and_offline_works_after_a_download(hub: Hub, tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    online = in_a_process_of_its_own("acme/tiny", HF_ENDPOINT=hub.endpoint, HF_HUB_CACHE=cache)
    assert (online.stdout.strip(), online.stderr) == (commit_of("main"), ""), "and no progress bar in a pipe"
    asked = len(hub.fetched)
    offline = in_a_process_of_its_own("acme/tiny", HF_HUB_OFFLINE="1", HF_HUB_CACHE=cache)
    assert (offline.stdout, offline.stderr) == (online.stdout, "")
    assert len(hub.fetched) == asked


def test_random_weights_have_no_revision_and_no_variant() -> None:
    with pytest.raises(InputError, match="--variant fp16 cannot be used here"):
        open_source("tiny", weights="random", variant="fp16")
    with pytest.raises(InputError, match="--revision main cannot be used here"):
        open_source("tiny", weights="random", revision="main")
