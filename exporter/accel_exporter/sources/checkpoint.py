"""Checks of weights files before a library opens them, where the library's own error would mislead."""

from pathlib import Path

from safetensors import SafetensorError, safe_open

from accel_exporter.jsonfile import read_object
from accel_exporter.sources.selection import WeightFiles
from accel_runtime.errors import SourceError


def check_weights(folder: Path, weights: WeightFiles) -> None:
    """Raise `SourceError` unless every file is whole and the shard index stays among its shards."""
    if weights.files[0].endswith(".json"):
        _check_shard_index(folder, weights)
    if weights.safetensors:
        for name in weights.files:
            if name.endswith(".safetensors"):
                _check_safetensors(folder / name, name=name)


def _check_safetensors(path: Path, *, name: str) -> None:
    # Opening reads the header alone, and compares it with the length of the file.
    try:
        with safe_open(path, framework="pt"):
            pass
    except (SafetensorError, OSError) as error:
        raise SourceError(f"{name} is not a whole safetensors file ({error}): download or save it again") from error


def _check_shard_index(folder: Path, weights: WeightFiles) -> None:
    index, *shards = weights.files
    table = read_object(folder, index).get("weight_map")
    if not isinstance(table, dict) or not table:
        raise SourceError(f"{index}: expected an object 'weight_map' from tensor to shard")
    known = {Path(shard).name for shard in shards}
    # Also the guard against an index that points outside the folder.
    strange = [value for value in table.values() if value not in known]
    if strange:
        raise SourceError(f"{index}: names the shard {strange[0]!r}, expected one of {', '.join(sorted(known))}")
