"""The prompts of a search: what is judged, and what calibrates."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from accel_bench.plans.prepare import Settings, split
from accel_bench.quality.captions import Yardstick, evaluation_captions
from accel_bench.quality.prompts import read_prompts
from accel_bench.quality.scenes.scene import is_caption
from accel_bench.records.captions import Caption
from accel_bench.records.search import Score
from accel_runtime.errors import InputError
from accel_runtime.request import MOST_IMAGES, Request

# Of the built-in captions, as `accel evaluate` has it by default.
_ORDER: Final = 0
# Far from the seeds of judged pictures.
_CALIBRATION_SEED: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Prompts:
    """The prompts of a search.

    Attributes:
        judged: Batches of one size.
        captions: Captions of each batch.
        calibration: Batches of that size that are never judged.
    """

    judged: tuple[Request, ...]
    captions: tuple[Sequence[Caption] | Sequence[str], ...]
    calibration: tuple[Request, ...]


def choose_prompts(
    path: Path | None, *, samples: int, calibration: int, settings: Settings, of: Yardstick = Yardstick.EMOJI
) -> tuple[Prompts, tuple[str, ...]]:
    """The first ones are judged, the last ones calibrate, so that more may be judged later.

    Args:
        path: A file that `read_prompts` reads; None takes the held-out captions of the yardstick.
        samples: Number of prompts to judge.
        calibration: Number of prompts to calibrate with; 0 for strategies that solve nothing.
        settings: The batch, and the seed of the first judged picture.
        of: The yardstick of the model.

    Returns:
        The prompts, and all that they are taken from.

    Raises:
        InputError: There are fewer than are to be judged, or they do not divide into batches.
    """
    source: Sequence[Caption] | Sequence[str]
    source = evaluation_captions(None, _ORDER, of=of) if path is None else read_prompts(path)
    texts = tuple(each if isinstance(each, str) else each.caption for each in source)
    if not 1 <= samples <= len(texts):
        where = "the built-in captions" if path is None else str(path)
        raise InputError(f"--num-prompts: expected 1 to {len(texts)}, the prompts of {where}, got {samples}")
    judged = split(texts[:samples], settings)
    size = settings.batch
    captions = tuple(source[at : at + size] for at in range(0, samples, size))
    return Prompts(judged, captions, _calibration(texts, calibration, settings)), texts


def check_score(score: Score, prompts: Prompts, *, of: Yardstick) -> None:
    """Refuse scores that the captions have no answer to.

    Raises:
        InputError: The score asks for captions of scenes, or for others.
    """
    if score is Score.EMOJI_CLIP and of is Yardstick.SCENES:
        raise InputError("--score emoji-clip: knows no scenes: take --score facts or psnr")
    texts = [prompt for batch in prompts.judged for prompt in batch.prompts]
    others = [text for text in texts if not is_caption(text)]
    if score is Score.FACTS and others:
        raise InputError(f"--score facts: expected captions of scenes, got '{others[0]}': take --score psnr")


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
