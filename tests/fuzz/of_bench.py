"""What is measured and searched: profiles, tasks, records, files of prompts and captions, the folder of a search."""

import hashlib
import re
import shutil
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec
from tests.bench.codegen.shelf import RIGHT
from tests.bench.profiles.minimal import TEXT
from tests.bench.records.made import bench_record, image
from tests.bundles import small_bundle
from tests.fuzz.containers import change_zip
from tests.fuzz.formats import Format, Sample, place_alone
from tests.fuzz.mutate import change_document, change_json, change_text, encode
from tests.fuzz.outcome import digest, run_accel
from tests.kept import kept
from tests.solved import solved_plan

from accel_bench.profiles.files import encode_profile, find_profiles, parse_profile
from accel_bench.quality.captions import CAPTIONS, data_file, read_captions
from accel_bench.quality.prompts import read_prompts
from accel_bench.records.parts import PlanFacts
from accel_bench.records.store import read_record

_RECORDS: Final = Path(__file__).parents[2] / "docs" / "records"
_SEARCH: Final = (
    *("--steps", "4", "--num-prompts", "2", "--batch", "1", "--calibration", "1", "--rounds", "1"),
    *("--score", "psnr", "--req-score-loss", "0.9"),
)


def _of(*words: str, result: str | None = None) -> Callable[[Path], str]:
    return lambda folder: run_accel(folder, *words, result=result)


def _profiles() -> Sequence[Sample]:
    shipped = (Sample(path.name, path.read_bytes()) for path in find_profiles().values())
    return *shipped, Sample("lab.toml", _skipping_profile())


def _skipping_profile() -> bytes:
    """A profile whose first config skips calls."""
    lab = parse_profile(TEXT, file="lab.toml", name="lab")
    config = msgspec.structs.replace(lab.configs["every3-50"], plan=solved_plan((0, 4), shallow=(5,), calls=6))
    return encode_profile(msgspec.structs.replace(lab, configs={"skips": config, **lab.configs}))


def _show(folder: Path) -> str:
    """Print the profile, whose file has its name."""
    (path,) = folder.glob("*.toml")
    return run_accel(folder, "profiles", f"./{path.name}")


def _script(folder: Path) -> str:
    """Write the script of the profile's first config."""
    (path,) = folder.glob("*.toml")
    named = re.search(r"^\[configs\.([^\].]+)", path.read_text("utf-8", "replace"), re.MULTILINE)
    words = ("codegen", "--profile", f"./{path.name}", "--config", named[1] if named else "x", "--force")
    return run_accel(folder, *words, result="run.py")


def _kept_records(*names: str) -> Sequence[Sample]:
    return tuple(Sample("record.json", (_RECORDS / f"{name}.json").read_bytes()) for name in names)


def _scenarios() -> Sequence[Sample]:
    return _kept_records("scenario-single-stream")


def _bench_records() -> Sequence[Sample]:
    full, cached = bench_record().plans
    facts = PlanFacts("solved", solved_plan((0, 4), shallow=(7,), branch=1), calls=10)
    skipping = msgspec.structs.replace(cached, facts=facts, images=(image(facts),) * len(full.images))
    records = (bench_record(), bench_record(plans=(full, skipping)))
    return tuple(Sample("record.json", msgspec.json.encode(record)) for record in records)


def _read_record(folder: Path) -> str:
    return digest(repr(read_record(folder / "record.json")).encode())


def _change_record(raw: bytes, rng: Random) -> bytes:
    """Change a record and seal it again, as whoever makes one up would."""
    if rng.random() < 0.1:
        return change_json(raw, rng)
    document: Any = change_document(msgspec.json.decode(raw), rng)
    if isinstance(document, dict):
        document["id"] = _seal(encode(document | {"id": ""}))
    return encode(document)


def _seal(raw: bytes) -> str:
    try:
        canonical = msgspec.json.encode(msgspec.json.decode(raw), order="sorted")
    except (msgspec.DecodeError, RecursionError):
        return "nobody can read it"
    return hashlib.sha256(canonical).hexdigest()[:16]


def _prompt_files() -> Sequence[Sample]:
    texts = (
        b"# fruit\na red apple\n\na pear on a plate\n",
        b'["a red apple", "a pear"]',
        b'{"annotations": [{"image_id": 1, "caption": "a dog"}, {"image_id": 2, "caption": "a cat"}]}',
    )
    return tuple(Sample("prompts", text) for text in texts)


def _read_prompts(folder: Path) -> str:
    return digest(repr(read_prompts(folder / "prompts")).encode())


def _read_captions(folder: Path) -> str:
    return digest(repr(read_captions(folder / "captions.json")).encode())


@cache
def _searched() -> Path:
    """The folder of a search that has ended."""

    def make(folder: Path) -> None:
        run_accel(folder.parent, "search", str(small_bundle()), *_SEARCH, "-o", str(folder))

    return kept("searched", make, facts=_SEARCH)


def _store() -> Sequence[Sample]:
    folder = _searched()
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return tuple(Sample(path.relative_to(folder).as_posix(), path.read_bytes()) for path in paths)


def _place_store(folder: Path, sample: Sample) -> None:
    shutil.copytree(_searched(), folder / "found")
    (folder / "found" / sample.name).write_bytes(sample.raw)


def _change_stored(raw: bytes, rng: Random) -> bytes:
    return change_zip(raw, rng) if raw.startswith(b"PK") else change_json(raw, rng)


def _go_on(folder: Path) -> str:
    run_accel(folder, "search", str(small_bundle()), *_SEARCH, "-o", "found")
    return "done"


_report = _of("bench", "report", "record.json", "--force", result="report.html")
_compare = _of("bench", "compare", "record.json", "record.json")
_trace = _of("bench", "trace", "record.json", "--force", result="trace.json")

BENCH: Final = (
    Format(
        "profile",
        12,
        _profiles,
        change_text,
        place_alone,
        (_show, _script),
    ),
    Format(
        "tasks",
        8,
        lambda: (Sample("tasks.toml", RIGHT.encode()),),
        change_text,
        place_alone,
        (_of("codegen", "--tasks", "tasks.toml", "--json"),),
    ),
    Format("bench record", 8, _bench_records, _change_record, place_alone, (_report, _compare, _trace)),
    Format(
        "other records",
        4,
        lambda: _kept_records("search-tiny-dpmpp-20-solved", "profile-cpu-tiny-quality"),
        _change_record,
        place_alone,
        (_report,),
    ),
    Format(
        "scenario record",
        2,
        lambda: _kept_records("scenario-single-stream"),
        _change_record,
        place_alone,
        (_read_record,),
    ),
    Format("prompts", 8, _prompt_files, change_text, place_alone, (_read_prompts,)),
    Format(
        "captions",
        6,
        lambda: (Sample("captions.json", data_file(CAPTIONS, None).read_bytes()),),
        change_json,
        place_alone,
        (_read_captions,),
    ),
    Format("store", 2, _store, _change_stored, _place_store, (_go_on,)),
)
