"""What libFuzzer begins with: small documents that libaccel reads, each with other parts.

`python -m tests.cpp.seeds FOLDER` writes them, a folder for each target, and needs neither torch nor a bundle. A
reader is as quick as its input is short: ten million executions on a bundle's own files would take days.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from tests.cpp.manifest_seeds import manifests

from accel_runtime.base.arrays import encode_arrays
from accel_runtime.schedules.file import encode_schedules
from accel_runtime.schedules.schedule import ScheduleRow, ScheduleTable

STEPS: Final = 4
SHA: Final = "0" * 64
_ROWS: Final = {str(call): {"a": [1.0, 0.5][: call + 1], "b": [-0.5, 0.25][: call + 1]} for call in range(STEPS)}
_SOLVED: Final = {"model": SHA, "guidance": 7.5, "height": 8, "width": 8}
PLANS: Final[Mapping[str, Mapping[str, Any]]] = {
    "full": {"version": 1, "deep": "full"},
    "rule": {"version": 1, "deep": "every:2", "branch": 1, "forecast": "linear", "steps": 4, "scheduler": "ddim"},
    "calls": {
        "version": 1,
        "deep": [0, 2],
        "branches": {"1": 1},
        "weights": {"3": [1.5, -0.5]},
        "guided_calls": [0, 1],
    },
    "skips": {
        "version": 2,
        "deep": [0, 2],
        "skip": [1],
        "rows": {call: row for call, row in _ROWS.items() if call != "1"} | {"2": _ROWS["1"]},
        "scheduler": "ddim",
        "steps": 4,
        "solved_for": _SOLVED,
    },
    "solved": {"version": 2, "deep": [0], "rows": _ROWS, "forecast": "quadratic", "scheduler": "ddim", "steps": 4},
}


def seeds(target: str) -> dict[str, bytes]:
    """The documents of a target, by name: manifest, plan, schedules or tokenizer."""
    if target == "manifest":
        return {name: msgspec.json.encode(document) for name, document in manifests().items()}
    if target == "plan":
        return {name: msgspec.json.encode(document) for name, document in PLANS.items()}
    if target == "schedules":
        return {"plain": _plain_schedules(), "multistep": _multistep_schedules()}
    return {"words": _tokenizer_table("2"), "plain": _tokenizer_table("1")}


def _plain_schedules() -> bytes:
    """Of a scheduler without memory, whose loop starts anywhere."""
    rows = tuple(
        ScheduleRow(
            timestep=float(STEPS - call),
            input_scale=1.0,
            a=(1.0,),
            b=(-0.5,),
            c=0.25,
            draws=1,
            shallow_ok=call > 0,
            add_noise=(0.5, 0.5),
        )
        for call in range(STEPS)
    )
    table = ScheduleTable(scheduler="ddim", steps=STEPS, begin=0, init_noise_sigma=1.0, rows=rows)
    return encode_schedules([table], metadata={"order": "1", "memoryless": "yes", "class": "DDIMScheduler"})


def _multistep_schedules() -> bytes:
    """Of a scheduler with history, with a table of its own for a loop from an image."""

    def row(call: int, *, begins: bool) -> ScheduleRow:
        return ScheduleRow(
            timestep=float(STEPS - call),
            input_scale=0.5,
            a=(1.0, 0.5 if call else 0.0),
            b=(-0.5, 0.25 if call else 0.0),
            c=0.0,
            draws=0,
            shallow_ok=call > 0,
            add_noise=(0.5, 0.5) if begins else None,
        )

    whole = tuple(row(call, begins=False) for call in range(STEPS))
    later = tuple(row(call, begins=call == 0) for call in range(STEPS // 2))
    tables = [
        ScheduleTable(scheduler="lms", steps=STEPS, begin=0, init_noise_sigma=14.5, rows=whole),
        ScheduleTable(scheduler="lms", steps=STEPS, begin=STEPS // 2, init_noise_sigma=14.5, rows=later),
    ]
    return encode_schedules(tables, metadata={"order": "1", "memoryless": "no"})


def _tokenizer_table(version: str) -> bytes:
    """A vocabulary of bytes and a few merges; version 2 has words of textual inversion."""
    within = np.arange(256, dtype=np.int32)
    arrays: dict[str, np.ndarray[Any, Any]] = {
        "classes": np.array([(32, 32, 1), (48, 57, 3), (65, 90, 2), (97, 122, 2), (0xE0, 0xFF, 2)], np.uint32),
        **_mapping("lower", {"A": "a", "É": "é", "İ": "i̇"}),
        **_mapping("decompose", {"é": "e\u0301", "ḉ": "c\u0327\u0301"}),
        "combining": np.array([(0x301, 230), (0x327, 202)], np.uint32),
        "compose": np.array([(ord("e"), 0x301, ord("é"))], np.uint32),
        "bytes": np.stack([within, within + 256], axis=1),
        "merges": np.array([(ord("c"), ord("a"), 512), (512, 256 + ord("t"), 513)], np.int32),
    }
    metadata = {
        "format": "accel-tokenizer",
        "version": version,
        "specials": '{"<|endoftext|>": 515}',
        "begin": "514",
        "end": "515",
        "unknown": "515",
    }
    if version == "2":
        metadata |= {"words": '{"<cat>": 516, "<cat>_1": 517}', "spread": '[[516, "<cat>", "<cat> <cat>_1"]]'}
    return encode_arrays(arrays, metadata)


def _mapping(name: str, texts: Mapping[str, str]) -> dict[str, np.ndarray[Any, Any]]:
    offsets = np.cumsum([0, *map(len, texts.values())])
    return {
        f"{name}_from": np.array([ord(code) for code in texts], np.uint32),
        f"{name}_at": offsets.astype(np.uint32),
        f"{name}_to": np.array([ord(code) for text in texts.values() for code in text], np.uint32),
    }


def write(folder: Path) -> None:
    """All of them, each into the folder of its target."""
    for target in ("manifest", "plan", "schedules", "tokenizer"):
        (folder / target).mkdir(parents=True, exist_ok=True)
        for name, raw in seeds(target).items():
            (folder / target / name).write_bytes(raw)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
