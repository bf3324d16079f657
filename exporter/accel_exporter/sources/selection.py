"""Which files of a pipeline are needed, decided from their names alone.

The same rules serve a hub listing, before anything is downloaded, and a local folder.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from accel_exporter.sources.model_index import MODEL_INDEX, models_of_diffusers, takes_text, text_encoders, tokenizer_of
from accel_runtime.errors import SourceError

# Weights files are <part>/<stem>[.<variant>].<ending>; the stem depends on the library and the ending.
_DIFFUSERS: Final = {"safetensors": "diffusion_pytorch_model", "bin": "diffusion_pytorch_model"}
_TRANSFORMERS: Final = {"safetensors": "model", "bin": "pytorch_model"}
_ENDINGS: Final = ("safetensors", "bin")  # the order is the preference
_SCHEDULER: Final = "scheduler_config.json"
# By part, the config that tells that it lies beside the pipeline's index.
_EVER_BESIDE: Final[Mapping[str, str]] = {"unet": "config.json", "scheduler": _SCHEDULER}
# Where a part lies that has no folder of its own.
BESIDE: Final = "."
_TOKENIZER_FAST: Final = "tokenizer.json"
_TOKENIZER_SLOW: Final = ("vocab.json", "merges.txt")
_TOKENIZER_EXTRA: Final = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")


@dataclass(frozen=True, slots=True)
class WeightFiles:
    """The one set of weights chosen for a part.

    Attributes:
        files: One weights file, or a shard index followed by its shards.
        variant: The variant they are of; None for the plain ones.
        safetensors: False for ``.bin`` files.
    """

    files: tuple[str, ...]
    variant: str | None
    safetensors: bool


def select_files(names: Collection[str], index: Mapping[str, Any], *, variant: str | None) -> tuple[str, ...]:
    """Return the files of ``names`` that make a whole pipeline, and no others.

    Args:
        names: Paths relative to the pipeline's root, with ``/``.
        index: The pipeline's ``model_index.json``, checked.
        variant: The weights variant asked for, such as ``fp16``.

    Raises:
        SourceError: A part, its weights or the asked variant is missing.
    """
    chosen = select_weights(names, index, variant=variant)
    configs = [_require(names, inside(place_of(names, part, index), "config.json"), part=part) for part in chosen]
    scheduler = _require(names, inside(place_of(names, "scheduler", index), _SCHEDULER), part="scheduler")
    weights = [file for part in chosen.values() for file in part.files]
    tokenizers = [file for part in text_encoders(index) for file in _tokenizer_files(names, tokenizer_of(part))]
    needs_index = place_of(names, "unet", index) != BESIDE or MODEL_INDEX in names
    indexes = [_require(names, MODEL_INDEX, part="pipeline")] if needs_index else []
    return (*indexes, *configs, *weights, *tokenizers, scheduler)


def select_weights(names: Collection[str], index: Mapping[str, Any], *, variant: str | None) -> dict[str, WeightFiles]:
    """Return the weights chosen for each part that has any: ``.safetensors`` first, then ``.bin``.

    A part that lacks the asked variant falls back to its plain weights, as in diffusers.

    Raises:
        SourceError: A part has no usable weights, or no part has the asked variant.
    """
    parts = (*models_of_diffusers(index), *text_encoders(index))
    existing = sorted({found for part in parts for found in _variants(names, place_of(names, part, index))})
    if variant is not None and variant not in existing:
        have = ", ".join(existing) if existing else "none, drop `--variant`"
        raise SourceError(f"no component has weights of variant '{variant}'; variants that exist: {have}")
    return {part: part_weights(names, place_of(names, part, index), variant=variant) for part in parts}


def place_of(names: Collection[str], part: str, index: Mapping[str, Any]) -> str:
    """The folder of a part: one of its name, or `BESIDE`, where the oldest models without text have it.

    diffusers looks there for any part without a folder.
    """
    has_folder = any(name.startswith(f"{part}/") for name in names)
    lies_beside = not has_folder and _EVER_BESIDE.get(part) in names and not takes_text(index)
    return BESIDE if lies_beside else part


def inside(place: str, name: str) -> str:
    """A file of a part, relative to the pipeline's folder.

    >>> inside("unet", "config.json"), inside(BESIDE, "config.json")
    ('unet/config.json', 'config.json')
    """
    return name if place == BESIDE else f"{place}/{name}"


def _stems(part: str) -> Mapping[str, str]:
    return _TRANSFORMERS if part.startswith("text_encoder") else _DIFFUSERS


def part_weights(names: Collection[str], part: str, *, variant: str | None) -> WeightFiles:
    """Return the weights chosen for one part; the folder of a model of its own may have any name.

    Raises:
        SourceError: It has no usable weights.
    """
    wanted = (variant, None) if variant is not None else (None,)
    for candidate in wanted:
        for ending in _ENDINGS:
            files = _find(names, inside(part, _stems(part)[ending]), ending=ending, variant=candidate)
            if files:
                return WeightFiles(files, variant=candidate, safetensors=ending == "safetensors")
    raise SourceError(_why_none(names, part))


def _find(names: Collection[str], stem: str, *, ending: str, variant: str | None) -> tuple[str, ...]:
    """Return the files of one candidate, empty if it does not exist.

    A shard index goes before a single file because that is what the diffusers loader picks.
    """
    suffix = f".{variant}" if variant else ""
    # The second is how older versions of diffusers wrote it.
    for index in (f"{stem}.{ending}.index{suffix}.json", f"{stem}.{ending}{suffix}.index.json"):
        if index in names:
            return (index, *_shards(names, stem, suffix=suffix, ending=ending))
    single = f"{stem}{suffix}.{ending}"
    return (single,) if single in names else ()


def _shards(names: Collection[str], stem: str, *, suffix: str, ending: str) -> tuple[str, ...]:
    """Return the shards, whose variant stands before their number, or behind it where an older diffusers wrote them."""
    forms = (f"{stem}{suffix}-%s.{ending}", f"{stem}-%s{suffix}.{ending}")
    for form in forms:
        pattern = re.compile(re.escape(form).replace("%s", r"\d{5}-of-(\d{5})"))
        found = {name: match[1] for name in names if (match := pattern.fullmatch(name))}
        if found:
            break
    else:
        form = forms[0]
    total = max(map(int, found.values()), default=1)
    expected = tuple(form % f"{i:05d}-of-{total:05d}" for i in range(1, total + 1))
    missing = [name for name in expected if name not in found]
    if missing:
        raise SourceError(f"{missing[0]} is missing: {len(missing)} of {total} shards are not there")
    return expected


def _variants(names: Collection[str], part: str) -> set[str]:
    stems = _stems(part).items()
    shard = r"-\d{5}-of-\d{5}"
    choices = "|".join(
        rf"{re.escape(stem)}(?:\.([^./]+?)(?:{shard})?|{shard}\.([^./]+))\.{ending}" for ending, stem in stems
    )
    pattern = re.compile(rf"{inside(part, '')}(?:{choices})")
    return {next(filter(None, match.groups())) for name in names if (match := pattern.fullmatch(name)) is not None}


def _why_none(names: Collection[str], place: str) -> str:
    """Say in one line why a part has no usable weights."""
    variants, part = sorted(_variants(names, place)), "unet" if place == BESIDE else place
    if variants:
        have = ", ".join(variants)
        return f"component '{part}' has only variant weights ({have}): add `--variant {variants[0]}`"
    found = sorted(name for name in names if name.startswith(inside(place, "")))
    if not found:
        return f"component '{part}' is missing: expected a folder '{part}' with config.json and weights"
    expected = inside(place, f"{_stems(part)['safetensors']}.safetensors")
    others = [PurePosixPath(name).name for name in found if not name.endswith((".json", ".txt"))]
    got = f"only {', '.join(others)}" if others else "no weights"
    return f"component '{part}': expected {expected} (or .bin), got {got}"


def _tokenizer_files(names: Collection[str], part: str) -> tuple[str, ...]:
    """Return a tokenizer's files: the single-file form, the two-file form, or both."""
    fast, slow = f"{part}/{_TOKENIZER_FAST}", tuple(f"{part}/{name}" for name in _TOKENIZER_SLOW)
    if fast not in names and not all(name in names for name in slow):
        raise SourceError(f"component '{part}': expected {fast}, or {' with '.join(slow)}")
    return tuple(name for name in (fast, *slow, *(f"{part}/{extra}" for extra in _TOKENIZER_EXTRA)) if name in names)


def _require(names: Collection[str], name: str, *, part: str) -> str:
    if name not in names:
        raise SourceError(f"component '{part}' is incomplete: expected {name}, which is not there")
    return name
