"""The files of a bundle. The manifest is made to fit what was changed, as whoever hands on a bundle would make it."""

from pathlib import Path
from typing import Final

from tests.bundles import small_bundle
from tests.fuzz.containers import change_protobuf, change_safetensors
from tests.fuzz.formats import Format, Sample
from tests.fuzz.mutate import change_bytes, change_json
from tests.fuzz.outcome import run_accel
from tests.robustness.copies import MANIFEST, copy_bundle, edit_manifest, put, replace_file, state_digest, write

from accel_runtime.plans.file import encode_plan
from accel_runtime.plans.solved import SolvedFor, SolvedRow
from accel_runtime.plans.spec import PlanSpec

_PLAN: Final = PlanSpec(
    deep=(0,),
    skip=(1,),
    rows={0: SolvedRow(a=(0.9,), b=(-0.4,))},
    scheduler="ddim",
    steps=2,
    solved_for=SolvedFor(model="c0" * 32, guidance=7.5, height=64, width=64),
)
_REQUEST: Final = ("a red apple", "--steps", "2", "--plan", "every:2", "--height", "64", "--width", "64")


def place_bundle(folder: Path, sample: Sample) -> None:
    """A bundle in ``folder / "bundle"`` in which one file is another."""
    target = copy_bundle(small_bundle(), folder / "bundle")
    if sample.name == MANIFEST:
        write(target / sample.name, sample.raw)
    else:
        replace_file(target, sample.name, sample.raw)
    state_digest(target)


def place_named_plan(folder: Path, sample: Sample) -> None:
    """A bundle in ``folder / "bundle"`` that knows a plan by a name."""
    target = copy_bundle(small_bundle(), folder / "bundle")
    (target / "plans").mkdir()
    replace_file(target, sample.name, sample.raw)
    edit_manifest(target, put("plans", value={"fast": sample.name}))
    state_digest(target)


def draw(folder: Path) -> str:
    """Draw a small picture; what came out are its latents."""
    words = ("generate", "bundle", *_REQUEST, "--latents-out", "latents.npy", "--force")
    return run_accel(folder, *words, result="latents.npy")


def verify(folder: Path) -> str:
    """Check the bundle, graphs included."""
    return run_accel(folder, "verify", "bundle")


def inspect(folder: Path) -> str:
    """Print what the bundle says of itself."""
    return run_accel(folder, "inspect", "bundle")


def schedulers(folder: Path) -> str:
    """Print the tables that the bundle has."""
    return run_accel(folder, "schedulers", "bundle")


def plans(folder: Path) -> str:
    """Print the plans that the bundle knows."""
    return run_accel(folder, "plans", "list", "bundle", "--json")


def _samples(*patterns: str) -> tuple[Sample, ...]:
    bundle = small_bundle()
    paths = [path for pattern in patterns for path in sorted(bundle.glob(pattern))]
    return tuple(Sample(path.relative_to(bundle).as_posix(), path.read_bytes()) for path in paths)


BUNDLE: Final = (
    Format("manifest", 20, lambda: _samples(MANIFEST), change_json, place_bundle, (draw, verify, inspect)),
    Format("graph", 10, lambda: _samples("*/*.onnx"), change_protobuf, place_bundle, (draw, draw, verify)),
    Format("weights", 2, lambda: _samples("*/*.data"), change_bytes, place_bundle, (draw, verify)),
    Format(
        "schedules",
        8,
        lambda: _samples("schedules/pndm.safetensors"),
        change_safetensors,
        place_bundle,
        (draw, schedulers),
    ),
    Format(
        "named plan",
        4,
        lambda: (Sample("plans/fast.json", encode_plan(_PLAN)),),
        change_json,
        place_named_plan,
        (plans, inspect, verify),
    ),
    Format("tokenizer", 8, lambda: _samples("tokenizer/tokenizer.json"), change_json, place_bundle, (draw, verify)),
    Format(
        "tokenizer table",
        2,
        lambda: _samples("tokenizer/table.safetensors"),
        change_safetensors,
        place_bundle,
        (draw, verify),
    ),
)
