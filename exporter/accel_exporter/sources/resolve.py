"""Find the pipeline that a user names."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from accel_exporter.sources.adapted import Changes, adapt
from accel_exporter.sources.checkpoint import open_checkpoint
from accel_exporter.sources.controlnets import controlled
from accel_exporter.sources.hub import open_hub
from accel_exporter.sources.local import open_folder
from accel_exporter.sources.random_weights import open_random
from accel_exporter.sources.shipped import ALIASES, open_builtin
from accel_exporter.sources.source import Source, WeightsKind
from accel_exporter.sources.tensor_file import ENDINGS
from accel_runtime.errors import InputError, SourceError

_NO_CHANGES: Final = Changes()


def open_source(
    source: str,
    *,
    weights: WeightsKind = "trained",
    seed: int = 0,
    variant: str | None = None,
    revision: str | None = None,
    cache_dir: Path | None = None,
    config: Path | None = None,
    changes: Changes = _NO_CHANGES,
    controlnets: Sequence[Path] = (),
) -> Source:
    """Return the pipeline that ``source`` names, with changes and with ControlNets.

    An alias is always the alias, whatever folders lie around, so that a command means the same
    everywhere; ``./sd15`` names the folder. Anything else is a folder if there is one of that
    name, and otherwise a hub id if it looks like ``organisation/name``.

    Args:
        source: An alias (``tiny`` is the model that the package brings), a local diffusers folder, a checkpoint in one
            file, or a hub id.
        weights: ``random`` makes seeded weights for an alias, without any download.
        seed: The seed of random weights.
        variant: The weights variant to prefer, such as ``fp16``.
        revision: The hub's branch, tag or commit.
        cache_dir: Where hub downloads are kept.
        config: For a checkpoint, a diffusers folder with its configs.
        changes: What is changed in the pipeline for this export.
        controlnets: Folders of ControlNets to add, in the order of their control images.

    Raises:
        SourceError: The pipeline cannot be found or read.
        InputError: An option that does not go with such a source.
    """
    changes.check_files()
    if is_checkpoint(source) and weights == "trained":
        _refuse({"--variant": variant, "--revision": revision}, why="a single file has none")
        own: Source = open_checkpoint(Path(source), config=config, has_own_vae=changes.vae is None)
    else:
        _refuse({"--config": config}, why="it is for checkpoints in one file")
        own = _open(source, weights=weights, seed=seed, variant=variant, revision=revision, cache_dir=cache_dir)
    return controlled(adapt(own, changes, variant=variant), controlnets, variant=variant)


def is_checkpoint(source: str) -> bool:
    """Whether ``source`` names one file with a whole pipeline."""
    return Path(source).suffix in ENDINGS and source not in ALIASES and not Path(source).is_dir()


def _open(
    source: str,
    *,
    weights: WeightsKind,
    seed: int,
    variant: str | None,
    revision: str | None,
    cache_dir: Path | None,
) -> Source:
    if weights == "random":
        _refuse({"--variant": variant, "--revision": revision}, why="random weights have none")
        return _open_random(source, seed=seed)
    alias = ALIASES.get(source)
    if alias is not None and not alias.is_trained:
        raise SourceError(f"'{source}' is an architecture without weights: add `--weights random`")
    if alias is not None and alias.hub_id is None:
        _refuse({"--variant": variant, "--revision": revision}, why="the built-in model has none")
        return open_builtin(alias.architecture)
    hub_id = _hub_id(source)
    if hub_id is not None:
        return open_hub(hub_id, revision=revision, variant=variant, cache_dir=cache_dir)
    _refuse({"--revision": revision}, why="a local folder has none")
    return open_folder(Path(source), variant=variant)


def _open_random(source: str, *, seed: int) -> Source:
    alias = ALIASES.get(source)
    if alias is None:
        raise SourceError(f"'{source}' cannot have random weights: expected one of {', '.join(ALIASES)}")
    return open_random(alias.architecture, seed=seed)


def _hub_id(source: str) -> str | None:
    """Return the hub id that ``source`` stands for; None for a folder."""
    alias = ALIASES.get(source)
    if alias is not None:
        return alias.hub_id
    is_hub_id = source.count("/") == 1 and not source.startswith((".", "/", "~")) and not source.endswith("/")
    return source if is_hub_id and not Path(source).exists() else None


def _refuse(options: Mapping[str, object], *, why: str) -> None:
    for name, value in options.items():
        if value is not None:
            raise InputError(f"{name} {value} cannot be used here: {why}, leave it out")
