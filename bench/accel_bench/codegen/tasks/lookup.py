"""The config that meets a request, among those that profiles have."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from accel_bench.codegen.choice import Choice, all_choices
from accel_bench.codegen.tasks.wishes import Wish
from accel_bench.profiles import Figure, find_profiles

# What is believed first.
_KINDS: Final = ("measured", "published", "predicted")


@dataclass(frozen=True, slots=True)
class Found:
    """A config, and why it meets the request.

    Attributes:
        figure: Its speed-up or its seconds, as the request asks.
        score_loss: None where the profile does not know it.
    """

    choice: Choice
    figure: Figure
    score_loss: Figure | None


def candidates(device: str | None) -> list[Choice]:
    """Every config of a device's profile, or of all that can be called by name.

    Raises:
        InputError: There is no such profile, or one breaks the schema.
    """
    names = list(find_profiles()) if device is None else [device]
    return [choice for name in names for choice in all_choices(name)]


def find(wish: Wish, choices: Iterable[Choice]) -> Found | None:
    """The config that meets the request on the best evidence; of those, the one that changes the pictures least.

    The baseline must be the request's; the config itself may use another scheduler or fewer steps. A score loss that
    nobody knows is no reason against a config, but one that is known is preferred.
    """
    met = [found for choice in choices if (found := _match(wish, choice)) is not None]
    return min(met, key=_rank, default=None)


def _match(wish: Wish, choice: Choice) -> Found | None:
    config, baseline = choice.config, choice.baseline
    if (config.model, baseline.scheduler, baseline.steps) != (wish.pipe, wish.sched, wish.steps):
        return None
    loss = config.expected.score_loss
    if loss is not None and loss.value > wish.max_score_loss:
        return None
    figure = _figure(wish, choice)
    return None if figure is None else Found(choice, figure, loss)


def _figure(wish: Wish, choice: Choice) -> Figure | None:
    """The figure that meets the request; seconds are of one image, so those of larger batches say nothing."""
    expected = choice.config.expected
    if wish.speedup is not None:
        figure = expected.speedup
        return figure if figure is not None and figure.value >= wish.speedup else None
    figure = expected.latency_s if choice.config.batch == 1 else None
    return figure if figure is not None and figure.value <= (wish.seconds or 0) else None


def _rank(found: Found) -> tuple[float, ...]:
    """What is smallest is best: evidence, then score loss; where that is not known, less speed-up reuses less."""
    loss, speedup = found.score_loss, found.choice.config.expected.speedup
    kind = _KINDS.index(found.figure.kind)
    return kind, loss is None, 0.0 if loss is None else loss.value, 0.0 if speedup is None else speedup.value
