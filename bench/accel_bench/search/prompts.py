"""The prompts of a search: those that are judged, and others that are solved with."""

from collections.abc import Sequence
from pathlib import Path

from accel_bench.plans.trial import Settings, split
from accel_bench.quality.captions import evaluation_captions
from accel_bench.quality.prompts import read_prompts
from accel_bench.records.captions import Caption
from accel_bench.search.driver import Prompts
from accel_runtime.errors import InputError
from accel_runtime.request import MOST_IMAGES, Request

# Of the built-in captions, as `accel evaluate` has it by default.
_ORDER = 0
# Far from the seeds of judged pictures.
_CALIBRATION_SEED = 1_000_000


def choose_prompts(
    path: Path | None, *, samples: int, calibration: int, settings: Settings
) -> tuple[Prompts, tuple[str, ...]]:
    """The first ones are judged, the last ones calibrate, so that more may be judged later.

    Args:
        path: A file that `read_prompts` reads; None takes the held-out captions of the built-in model's data.
        samples: How many are judged.
        calibration: How many calibrate; 0 for strategies that solve nothing.
        settings: The batch, and the seed of the first judged picture.

    Returns:
        The prompts, and all that they are taken from.

    Raises:
        InputError: There are fewer than are to be judged, or they do not divide into batches.
    """
    source: Sequence[Caption] | Sequence[str]
    source = evaluation_captions(None, _ORDER) if path is None else read_prompts(path)
    texts = tuple(each if isinstance(each, str) else each.caption for each in source)
    if not 1 <= samples <= len(texts):
        where = "the built-in captions" if path is None else str(path)
        raise InputError(f"--num-samples: expected 1 to {len(texts)}, the prompts of {where}, got {samples}")
    judged = split(texts[:samples], settings)
    size = settings.batch
    captions = tuple(source[at : at + size] for at in range(0, samples, size))
    return Prompts(judged, captions, _calibration(texts, calibration, settings)), texts


def _calibration(texts: Sequence[str], count: int, settings: Settings) -> tuple[Request, ...]:
    if count == 0:
        return ()
    if count % settings.batch or not settings.batch <= count <= MOST_IMAGES:
        expected = f"a multiple of the batch, {settings.batch}, of at most {MOST_IMAGES}"
        raise InputError(f"--calibration: expected {expected}, got {count}")
    repeated = [texts[index % len(texts)] for index in range(-count, 0)]
    return tuple(
        Request(tuple(repeated[at : at + settings.batch]), seed=_CALIBRATION_SEED + settings.seed + at)
        for at in range(0, count, settings.batch)
    )
