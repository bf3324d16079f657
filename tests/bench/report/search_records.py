"""Made-up records of searches: one of few candidates in round numbers, and ones of as many as a real search has."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from tests.bench.report.records import BACKEND, ENVIRONMENT
from tests.solved import solved_plan

from accel_bench.plans.families import power, uniform
from accel_bench.quality.captions import evaluation_captions
from accel_bench.records.evaluation import Scores
from accel_bench.records.parts import BundleFacts, GraphFacts, PlanFacts, Workload
from accel_bench.records.search import Asked, Goal, Score, SearchRecord, StageTimes, Tried
from accel_bench.records.store import seal
from accel_bench.search.space import FULL, SKIPS, Candidate
from accel_runtime.plans.deep_calls import shortest_deep_calls
from accel_runtime.plans.forecast import Forecast
from accel_runtime.plans.spec import PlanSpec

CALLS, PICTURES = 50, 8
DEEP_S, SHALLOW_S, REST_S = 0.1, 0.02, 0.5
# How much slower than the first each round was.
ROUNDS = (1.0, 1.02, 1.01, 1.03, 0.99, 1.04)
PROMPTS = tuple(caption.caption for caption in evaluation_captions(PICTURES, 0))
GRAPHS = {
    "text_encoder": GraphFacts(10, 8, 8, "float32", "text"),
    "unet_deep": GraphFacts(10, 8, 8, "float32", "deep"),
    "unet_shallow_0": GraphFacts(10, 8, 8, "float32", "shallow", 0),
}


def composed_s(deep: int, calls: int = CALLS) -> float:
    return REST_S + DEEP_S * deep + SHALLOW_S * (calls - deep)


def scores(error: float, pictures: int = PICTURES) -> Scores:
    """Every second picture is off by half as much again; the others by half as much."""
    off = [error * (0.5 + index % 2) for index in range(pictures)]
    return Scores(
        squared_error=tuple(off),
        ssim=tuple(1 - value / 2000 for value in off),
        feature_distance=tuple(value / 1000 for value in off),
        emoji_clip=tuple(80 + index % 2 - value / 50 for index, value in enumerate(off)),
        colour_right=(True,) * pictures,
    )


def tried(
    candidate: Candidate, error: float, *, pictures: int = PICTURES, measured: float | None = None, calls: int = CALLS
) -> Tried:
    """A candidate whose image took ``measured`` times its composed seconds, where that is given."""
    facts = PlanFacts(name=candidate.name, plan=candidate.spec, calls=calls)
    deep = facts.deep_calls
    seconds = composed_s(len(deep), calls)
    # Each plan meets the slow rounds in its own order.
    rounds = ROUNDS[len(deep) % 6 :] + ROUNDS[: len(deep) % 6]
    image_s = () if measured is None else tuple(seconds * measured * slowness for slowness in rounds)
    return Tried(candidate.id, candidate.family, facts, seconds, image_s, scores(error, pictures))


def listed(family: str, deep: Sequence[int], *, weights: bool = False, **changes: Any) -> Candidate:
    """Deep calls on branch 0; with ``weights`` every shallow call has some of its own."""
    rows = {call: (1.25, -0.25) for call in range(2, CALLS) if call not in deep} if weights else {}
    return Candidate(family, PlanSpec(deep=shortest_deep_calls(deep, CALLS), weights=rows, **changes))


def skipping(deep: Sequence[int], *, shallow: Sequence[int] = (), error: float, measured: float | None = None) -> Tried:
    """A plan that runs these calls alone."""
    plan = solved_plan(deep, shallow=shallow, calls=CALLS)
    made = tried(Candidate(SKIPS, plan), error, measured=measured)
    saved = SHALLOW_S * len(plan.skip)
    rounds = tuple(seconds - saved for seconds in made.image_s)
    return msgspec.structs.replace(made, composed_s=made.composed_s - saved, image_s=rounds)


# The front: the baseline, 25, 20, 10 and 5 deep calls, of which the solved 20 is wanted.
BASE = tried(FULL, 0.0, measured=1.0)
UNIFORM = tried(listed("uniform", uniform(CALLS, 25), forecast=Forecast.LINEAR), 4.0, measured=1.05)
CHOSEN = tried(listed("solved", (0, 1, *range(2, 50, 6)), weights=True), 8.0, measured=1.02)
FAST = tried(listed("solved", (0, 1, 3, 20, 40), guided_calls=(0, 24)), 400.0)
BEATEN = tried(listed("uniform", uniform(CALLS, 10)), 80.0)
DROPPED = tried(listed("power", (0, 1, 2, 3, 4, 5, 6, 7, 30, 40)), 900.0, pictures=2)
# Plans with skipped calls, without and with shallow ones, and an uncached run of another scheduler.
TEN_CALLS = skipping((0, 2, 5, 9, 14, 20, 27, 34, 41, 48), error=0.6, measured=1.01)
SIX_AND_THREE = skipping((0, 4, 11, 20, 30, 42), shallow=(2, 16, 36), error=9.0)
FEWER_CALLS = tried(
    Candidate("fewer steps", PlanSpec(deep="full", scheduler="dpmpp_2m", steps=10)), 30.0, measured=1.03, calls=10
)
FEWER_STEPS = tried(Candidate("full", PlanSpec(deep="full", steps=25)), 150.0, calls=25)


def asked(**changes: Any) -> Asked:
    fields: dict[str, Any] = {"strategy": "solved", "targets": ("deepcache", "steps"), "branches": (0,)}
    return Asked(**(fields | {"calibration": 8, "trials": None, "prompts": "built-in"} | changes))


def search_record(**changes: Any) -> SearchRecord:
    fields: dict[str, Any] = {
        "kind": "search",
        "format": 2,
        "id": "",
        "started": "2026-01-02T03:04:05+00:00",
        "environment": ENVIRONMENT,
        "backend": BACKEND,
        "bundle": BundleFacts("d" * 64, "small", "trained", (64, 64), GRAPHS),
        "workload": Workload("ddim", CALLS, 4.0, height=64, width=64, batch=4, seed=0),
        "goal": Goal(Score.EMOJI_CLIP, max_loss=0.05),
        "asked": asked(),
        "prompts": PROMPTS,
        "scorers": {"emoji_clip.onnx": "0123456789abcdef0123"},
        "stages": StageTimes({"deep": (DEEP_S,), "shallow 0": (SHALLOW_S,)}, (0.3,), (0.2,), (0.0,)),
        "calls": {"deep": 1200, "shallow": 2400, "calibration deep": 400, "calibration shallow": 800},
        "grid_calls": {"trials": 343, "deep": 39_632, "shallow": 97_568},
        "tried": (BASE, UNIFORM, BEATEN, CHOSEN, DROPPED, FEWER_STEPS, FAST),
        "chosen": CHOSEN.id,
        "finalists": "f" * 16,
        "peak_rss_bytes": 123_000_000,
        "doubts": (),
    }
    return seal(SearchRecord(**(fields | changes)))


def skips_search() -> SearchRecord:
    """All families that a search with skipped calls proposes."""
    moved = tried(listed("moved", (0, 1, *range(3, 51, 6)), weights=True), 7.0)
    found = (BASE, UNIFORM, CHOSEN, DROPPED, moved, FEWER_CALLS, TEN_CALLS, SIX_AND_THREE)
    return search_record(tried=found, chosen=TEN_CALLS.id)


def long_search(count: int = 80) -> SearchRecord:
    """As many candidates: four ways at each number of deep calls, half of them dropped after one batch of prompts."""
    found = list(_ladder())[: count - 2]
    chosen = min((each for each in found if each.image_s), key=lambda each: each.composed_s)
    return search_record(tried=(BASE, FEWER_STEPS, *found), chosen=chosen.id)


def _ladder() -> Iterator[Tried]:
    for deep in range(4, 26):
        error = 4.0e4 / deep**3
        measured = 1.03 if deep % 6 == 0 else None
        yield tried(listed("solved", (0, 1, *sorted(_spread(deep - 2))), weights=True), error, measured=measured)
        yield tried(listed("uniform", uniform(CALLS, deep), forecast=Forecast.LINEAR), 1.3 * error + deep)
        yield tried(listed("uniform", uniform(CALLS, deep)), 3.1 * error, pictures=4)
        placed = power(CALLS, deep, center=15, exponent=1.4)
        if placed is not None:
            yield tried(listed("power", placed), 2.2 * error + deep * deep % 7, pictures=4 if deep % 3 else PICTURES)


def _spread(count: int) -> set[int]:
    return {2 + round(index * (CALLS - 3) / max(1, count - 1)) for index in range(count)}
