"""The engine without HTTP: the same pictures whatever else is drawn, and places that are free again."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from accel_runtime import InputError, Pipeline, PlanSpec, Request
from accel_runtime.plans.rule import Rule
from accel_serve import (
    CancelledError,
    ClosingError,
    DeadlineError,
    Drawn,
    Engine,
    Failed,
    Finished,
    Order,
    Progress,
    QueueFullError,
    forced_mode,
)
from accel_serve.engine.mode import Mode, choose_mode
from accel_serve.engine.observer import Nobody, Outcome, Stage
from accel_serve.engine.order import Event
from accel_serve.engine.unet import takes_rows
from accel_serve.engine.waiting import Ticket, Waiting

# Of six calls up to four are deep, by what the image does.
DECIDES = PlanSpec(
    deep=(0,), rule=Rule(signal="noise", threshold=0.05, most_deep=4), branch=1, scheduler="ddim", steps=6
)


class Seen(Nobody):
    """Remembers what an engine told."""

    def __init__(self) -> None:
        self.calls: list[tuple[Stage, int]] = []
        self.outcomes: list[Outcome] = []

    def ran(self, stage: Stage, seconds: float, *, images: int) -> None:  # noqa: ARG002 - the protocol has it
        self.calls.append((stage, images))

    def ended(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)


class Told:
    """What an engine tells of an order.

    The engine makes no call while it tells, so one that is ``holding`` stops it at the first event.
    """

    def __init__(self, *, holding: bool = False) -> None:
        self.events: list[Event] = []
        self._begun, self._goes_on, self._ended = threading.Event(), threading.Event(), threading.Event()
        if not holding:
            self._goes_on.set()

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        self._begun.set()
        assert self._goes_on.wait(60)
        if isinstance(event, Failed | Finished):
            self._ended.set()

    @contextmanager
    def held(self) -> Iterator[None]:
        """The engine stands at this order's first event while the block runs, and goes on after it."""
        assert self._begun.wait(60)
        yield
        self._goes_on.set()

    def last(self) -> Event:
        """The event that ends the order."""
        assert self._ended.wait(60)
        return self.events[-1]


def engine_of(pipeline: Pipeline, mode: Mode = "steps", *, images: int = 4, **options: Any) -> Engine:
    return Engine(pipeline, forced_mode(pipeline, mode, most_images=images), **options)


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def engine(pipeline: Pipeline, seen: Seen) -> Iterator[Engine]:
    made = engine_of(pipeline, observer=seen)
    yield made
    made.close(finish_s=0)


def orders(pipeline: Pipeline) -> list[Order]:
    """Other schedulers, steps, plans, branches, guidance and sizes, noise drawn on the way, and several images."""
    picture = np.full((64, 64, 3), 90, np.uint8)
    plan = pipeline.plan
    return [
        Order(Request(("a",), seed=1), plan(5, "every:3", branch=1, forecast="linear")),
        Order(Request(("b",), seed=2, images_per_prompt=2), plan(4, "every:2", scheduler="euler_a")),
        Order(Request(("c",), ("d",), seed=3), plan(6, scheduler="dpmpp_2m", guided_calls=(0, 3))),
        Order(Request(("e",), seed=4), plan(4, "every:2", guidance=1.0)),
        Order(Request(("f",), seed=5, image=picture), plan(6, "every:2", strength=0.5, scheduler="ddim")),
        Order(Request(("g",), seed=6, height=80, width=64), plan(4)),
        Order(Request(("i",), seed=8), pipeline.compile(DECIDES)),
        Order(Request(("h",), seed=7, image=picture, mask=picture[..., 0] * 2), plan(4, strength=1, scheduler="ddim")),
    ]


def draw_together(engine: Engine, wanted: list[Order]) -> list[list[np.ndarray]]:
    pictures: list[list[np.ndarray]] = [[] for _ in wanted]

    def draw(number: int) -> None:
        found = [event for event in engine.draw(wanted[number]) if isinstance(event, Drawn)]
        pictures[number] = [each.pixels for each in sorted(found, key=lambda each: each.image)]

    threads = [threading.Thread(target=draw, args=(number,)) for number in range(len(wanted))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return pictures


@pytest.mark.parametrize("mode", ["steps", "batches", "singles"])
def test_a_picture_is_the_pipelines_whatever_else_is_drawn(pipeline: Pipeline, mode: Mode) -> None:
    seen, wanted = Seen(), orders(pipeline)
    if mode == "batches":
        wanted = [Order(Request((name,), seed=at), wanted[0].plan) for at, name in enumerate("abcde")]
    engine = engine_of(pipeline, mode, images=4, observer=seen)
    try:
        pictures = draw_together(engine, wanted)
    finally:
        engine.close(finish_s=0)

    for order, drawn in zip(wanted, pictures, strict=True):
        expected = pipeline.generate(order.request, order.plan).images
        assert np.abs(np.stack(drawn).astype(int) - expected).max() <= 1
    shared = {stage for stage, images in seen.calls if images > 1 and stage in ("deep", "shallow")}
    assert shared == (set() if mode == "singles" else {"deep", "shallow"})


def test_a_plan_that_decides_as_it_runs_decides_for_each_image_alone(pipeline: Pipeline, seen: Seen) -> None:
    engine, plan = engine_of(pipeline, observer=seen), pipeline.compile(DECIDES)
    try:
        list(engine.draw(Order(Request(("a",), seed=1, images_per_prompt=3), plan)))
    finally:
        engine.close(finish_s=0)
    alone = [pipeline.generate(Request(("a",), seed=seed), plan).deep_calls for seed in (1, 2, 3)]

    assert sum(images for stage, images in seen.calls if stage == "deep") == sum(map(len, alone))
    assert all(1 < len(deep) <= 4 for deep in alone)


def test_an_image_joins_a_batch_that_is_underway(pipeline: Pipeline, engine: Engine, seen: Seen) -> None:
    first = Told(holding=True)
    engine.submit(Order(Request(("a",)), pipeline.plan(20)), first)
    with first.held():
        second = Told()
        engine.submit(Order(Request(("b",)), pipeline.plan(3, scheduler="ddim")), second)
    assert isinstance(first.last(), Finished)
    assert isinstance(second.last(), Finished)

    deep = [images for stage, images in seen.calls if stage == "deep"]
    assert deep[0] == deep[-1] == 1
    assert deep.count(2) == 3


def test_every_size_has_its_turn(pipeline: Pipeline, engine: Engine) -> None:
    ended: list[str] = []

    class Named(Told):
        name = "many"

        def __call__(self, event: Event) -> None:
            if isinstance(event, Finished):
                ended.append(self.name)
            super().__call__(event)

    many, one, blocker = [Named(), Named()], Named(), Told(holding=True)
    one.name = "one"
    engine.submit(Order(Request(("a",)), pipeline.plan(2)), blocker)
    with blocker.held():  # so that all have come before the first of them is begun
        for told, steps, side in ((many[0], 20, 16), (many[1], 20, 16), (one, 3, 24)):
            engine.submit(Order(Request(("a",), height=side, width=side), pipeline.plan(steps)), told)
    for told in (*many, one):
        assert isinstance(told.last(), Finished)

    assert ended == ["one", "many", "many"]


def test_a_cancelled_order_frees_its_place_before_the_next_call(pipeline: Pipeline, engine: Engine, seen: Seen) -> None:
    told = Told(holding=True)
    handle = engine.submit(Order(Request(("a",)), pipeline.plan(20)), told)
    with told.held():
        handle.cancel()
    last = told.last()

    assert [type(event) for event in told.events] == [Progress, Failed], "no call is made after the cancel"
    assert isinstance(last, Failed)
    assert isinstance(last.error, CancelledError)
    assert seen.outcomes == ["cancelled"]


def test_a_full_queue_refuses_and_says_when_to_ask_again(pipeline: Pipeline) -> None:
    engine = engine_of(pipeline, "singles", most_waiting=2)
    try:
        order, told = Order(Request(("a",)), pipeline.plan(20)), Told(holding=True)
        handles = [engine.submit(order, told)]
        with told.held():
            handles += [engine.submit(order, Told()) for _ in range(2)]
            with pytest.raises(QueueFullError, match="2 wait") as full:
                engine.submit(order, Told())
            for handle in handles:
                handle.cancel()
    finally:
        engine.close(finish_s=0)

    assert full.value.retry_after_s >= 1


def test_an_order_ends_at_its_deadline(pipeline: Pipeline, engine: Engine, seen: Seen) -> None:
    with pytest.raises(DeadlineError, match=r"0\.001 seconds"):
        list(engine.draw(Order(Request(("a",)), pipeline.plan(20), deadline_s=0.001)))

    assert seen.outcomes == ["late"]


def test_an_order_that_cannot_be_encoded_fails_alone(pipeline: Pipeline, engine: Engine) -> None:
    with pytest.raises(InputError, match="seed"):
        list(engine.draw(Order(Request(("a",), seed=2**70), pipeline.plan(2))))

    assert isinstance([*engine.draw(Order(Request(("a",)), pipeline.plan(2)))][-1], Finished)


def test_closing_finishes_what_there_is_time_for_and_tells_the_others(pipeline: Pipeline) -> None:
    finishing, stopping = engine_of(pipeline), engine_of(pipeline, "singles")
    done, begun, waiting = Told(), Told(holding=True), Told()
    finishing.submit(Order(Request(("a",)), pipeline.plan(3)), done)
    for told in (begun, waiting):
        stopping.submit(Order(Request(("a",)), pipeline.plan(20)), told)
    finishing.close(finish_s=60)
    with begun.held():
        closing = threading.Thread(target=stopping.close, kwargs={"finish_s": 0})
        closing.start()
        while not stopping.is_closing:
            time.sleep(0.001)
    closing.join()

    assert isinstance(done.events[-1], Finished)
    for told in (begun, waiting):
        last = told.last()
        assert isinstance(last, Failed)
        assert isinstance(last.error, ClosingError)
    with pytest.raises(ClosingError):
        stopping.submit(Order(Request(("a",)), pipeline.plan(3)), Told())


def test_clients_take_turns_and_priority_goes_first(pipeline: Pipeline) -> None:
    plan = pipeline.plan(2)
    waiting = Waiting()
    asked = [("many", 0)] * 3 + [("few", 0)] + [("urgent", -1)]
    for number, (client, priority) in enumerate(asked):
        waiting.put(Ticket(Order(Request(("a",)), plan, client, priority), print, number))
    begun: list[str] = []
    while (ticket := waiting.next({}, lambda _: True)) is not None:
        begun.append(ticket.order.client)

    assert begun == ["urgent", "many", "few", "many", "many"]
    assert waiting.images == 0


def test_the_mode_is_measured(pipeline: Pipeline) -> None:
    choice = choose_mode(pipeline, most_images=2)

    assert takes_rows(pipeline)
    assert (choice.mode == "steps") == (choice.images == 2)
    assert "times as many a second" in choice.reason
