"""What a diffusers folder says of itself: read and judged before anything is exported."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec
from tests.bundles import SOURCE_CONFIGS, kept_source
from tests.fuzz.formats import Format, Sample
from tests.fuzz.mutate import change_bytes, change_json, change_text
from tests.fuzz.outcome import digest

_SCHEDULER: Final = "scheduler/scheduler_config.json"


def _samples(*names: str) -> Sequence[Sample]:
    return tuple(Sample(name, (kept_source() / name).read_bytes()) for name in names)


def _schedulers() -> Sequence[Sample]:
    """The pipeline's own, and a solver with more to choose."""
    (own,) = _samples(_SCHEDULER)
    solver = msgspec.json.decode(own.raw) | {
        "_class_name": "DPMSolverMultistepScheduler",
        "algorithm_type": "dpmsolver++",
        "solver_order": 2,
        "use_karras_sigmas": True,
        "timestep_spacing": "leading",
    }
    return own, Sample(_SCHEDULER, msgspec.json.encode(solver))


def _place_source(folder: Path, sample: Sample) -> None:
    target = folder / "source"
    shutil.copytree(kept_source(), target, copy_function=os.link)
    (target / sample.name).unlink()  # it is a link to what others read
    (target / sample.name).write_bytes(sample.raw)


def _judge(folder: Path) -> str:
    """Open the folder, and hold its parts against each other."""
    from accel_exporter import open_source
    from accel_exporter.sources.fitness import check_fitness

    source = open_source(str(folder / "source"))
    check_fitness(source)
    read: tuple[Any, ...] = (source.model_index, source.unet_config, source.vae_config, source.text_config())
    return digest(repr([sorted(map(repr, each.items())) for each in read]).encode())


def _compile(folder: Path) -> str:
    """Compile a table of the pipeline's own scheduler."""
    from accel_exporter import open_source
    from accel_exporter.libraries import quiet

    with quiet():  # diffusers' pipelines, which only the judge needs, talk of torchvision when they are imported
        from tests.robustness.judge_scheduler import own_table

    return digest(repr(own_table(open_source(str(folder / "source")).scheduler_config, 3).rows).encode())


def _change_part(raw: bytes, rng: Random) -> bytes:
    return change_json(raw, rng) if raw.lstrip().startswith(b"{") else change_text(raw, rng)


_WEIGHTS: Final = ("unet/diffusion_pytorch_model.safetensors",)


def _load_weights(folder: Path) -> str:
    from accel_exporter import open_source

    state = open_source(str(folder / "source")).load_unet().state_dict()
    return digest(b"".join(tensor.numpy().tobytes() for tensor in state.values()))


SOURCES: Final = (
    Format("configs", 6, lambda: _samples(*SOURCE_CONFIGS), _change_part, _place_source, (_judge,)),
    Format("scheduler config", 6, _schedulers, change_json, _place_source, (_compile,)),
    Format("checkpoint", 2, lambda: _samples(*_WEIGHTS), change_bytes, _place_source, (_load_weights,)),
)
