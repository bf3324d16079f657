"""The engine: orders in, pictures out, by one thread that runs one call of many images at a time."""

import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from queue import SimpleQueue
from threading import Condition, Thread

from accel_runtime.errors import AccelError, InputError, explained
from accel_runtime.pipeline import Pipeline
from accel_serve.engine.batch import RowUNets, Running, next_group
from accel_serve.engine.mode import Choice
from accel_serve.engine.observer import Nobody, Observer, Stage, outcome_of
from accel_serve.engine.order import Drawn, Event, Failed, Finished, Order, Preview, Progress, Tell
from accel_serve.engine.pace import Pace
from accel_serve.engine.prepare import prepare
from accel_serve.engine.row import Row
from accel_serve.engine.waiting import Ticket, Waiting, by_client
from accel_serve.errors import CancelledError, ClosingError, DeadlineError, QueueFullError


class Engine:
    """Draws orders.

    Before each call it takes in images that wait, as the mode allows; then it runs the next call of as many images as
    have the same kind of call. An order that fails ends alone.

    Args:
        pipeline: The bundle. All its graphs stay loaded.
        choice: How orders share calls; see `accel_serve.engine.mode`.
        most_waiting: Images that may wait.
        observer: Counts.
    """

    def __init__(
        self, pipeline: Pipeline, choice: Choice, *, most_waiting: int = 64, observer: Observer | None = None
    ) -> None:
        self.pipeline, self.choice, self.most_waiting = pipeline, choice, most_waiting
        self._observer = observer or Nobody()
        self._unets = RowUNets(pipeline, most_images=choice.images)
        self._waiting, self._running, self._pace = Waiting(), list[Running](), Pace()
        self._prepared: dict[Ticket, deque[tuple[int, Row]]] = {}
        self._numbers, self._wake = count(), Condition()
        self._closing, self._stopped = False, False
        self._thread = Thread(target=self._work, name="accel-engine", daemon=True)
        self._thread.start()

    def submit(self, order: Order, tell: Tell) -> "Handle":
        """Take an order; ``tell`` is called with all that comes of it, `Finished` or `Failed` last.

        Raises:
            QueueFullError: Too many images wait.
            ClosingError: The engine is stopping.
        """
        ticket = Ticket(order, tell, next(self._numbers))
        with self._wake:
            if self._closing:
                self._observer.refused("closing")
                raise ClosingError("the service is stopping: ask another one")
            waiting = self._waiting.images
            if waiting + ticket.unbegun > self.most_waiting:
                self._observer.refused("full")
                raise QueueFullError(
                    f"queue: expected room for {ticket.unbegun} of {self.most_waiting} images, but {waiting} wait: "
                    "ask again later",
                    retry_after_s=self._pace.retry_after_s(self.load),
                )
            self._waiting.put(ticket)
            self._wake.notify()
        self._tell_load()
        return Handle(self, ticket)

    def draw(self, order: Order) -> Iterator[Event]:
        """Take an order and yield all that comes of it; who stops early cancels it.

        Raises:
            AccelError: As of `submit`, or why it was not drawn.
        """
        events: SimpleQueue[Event] = SimpleQueue()
        handle = self.submit(order, events.put)
        try:
            event: Event = Progress(0, 0, len(order.plan.calls))
            while not isinstance(event, Finished):
                event = events.get()
                if isinstance(event, Failed):
                    raise event.error
                yield event
        finally:
            handle.cancel()

    @property
    def is_closing(self) -> bool:
        """Whether it takes no more orders."""
        return self._closing

    @property
    def waiting(self) -> int:
        """Images that are not begun."""
        return self._waiting.images

    @property
    def load(self) -> int:
        """Images that wait or are drawn."""
        return self._waiting.images + len(self._running)

    def let_go(self, ticket: Ticket) -> None:
        """Note that nobody wants a ticket any more."""
        ticket.gone.set()
        with self._wake:
            self._wake.notify()

    def close(self, *, finish_s: float) -> None:
        """Take no more orders, finish what was taken within ``finish_s`` seconds, and tell the others of it."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(finish_s)
        with self._wake:
            self._stopped = True
        self._thread.join()

    # What follows runs in the engine's thread.

    def _work(self) -> None:
        while self._is_needed():
            started = time.perf_counter()
            self._drop()
            self._admit()
            if self._running:
                self._run_group()
            self._pace.worked(time.perf_counter() - started, done=self._finish())
            self._tell_load()

    def _is_needed(self) -> bool:
        """Wait for something to do; whether there is."""
        with self._wake:
            while not (self._waiting.images or self._running or self._closing):
                self._wake.wait()
        if self._stopped:
            for ticket in self._tickets():
                self._fail(ticket, ClosingError("the service stopped before the picture was done: ask another one"))
        return bool(self._waiting.images or self._running)

    def _tickets(self) -> set[Ticket]:
        with self._wake:
            return {*self._waiting, *(each.ticket for each in self._running)}

    def _drop(self) -> None:
        """Let go of what nobody wants any more, before the next call."""
        now = time.monotonic()
        for ticket in self._tickets():
            if ticket.gone.is_set():
                self._fail(ticket, CancelledError("the client went away"))
            elif now > ticket.expires:
                after = f"deadline: the picture was not done after {ticket.order.deadline_s:g} seconds"
                self._fail(ticket, DeadlineError(f"{after}: ask for fewer steps, or later"))

    def _admit(self) -> None:
        """Begin images as long as the mode has room for them: in batches none joins once the first call has run."""
        is_closed = self.choice.mode != "steps" and any(each.row.index for each in self._running)
        while not is_closed and len(self._running) < self.choice.images:
            with self._wake:
                ticket = self._waiting.next(by_client(each.ticket for each in self._running), self._fits)
            if ticket is None:
                return
            self._begin(ticket)

    def _fits(self, ticket: Ticket) -> bool:
        """Whether an image may begin beside those of the batch: where they stay together, plan and size are one."""
        if self.choice.mode == "steps" or not self._running:
            return True
        first, order = self._running[0].ticket.order, ticket.order
        state = self.pipeline.bundle.manifest.state
        try:
            return order.plan == first.plan and order.request.size(state) == first.request.size(state)
        except InputError:  # which `prepare` tells
            return True

    def _begin(self, ticket: Ticket) -> None:
        """Put an image of a ticket into the batch; with the first one all that the ticket asks for is encoded."""
        with self._failing([ticket], "the request cannot be encoded"):
            if ticket not in self._prepared:
                ticket.began = time.monotonic()
                with self._timed("prepare", images=ticket.order.request.images):
                    self._prepared[ticket] = deque(enumerate(prepare(self.pipeline, ticket.order)))
            number, row = self._prepared[ticket].popleft()
            self._running.append(Running(ticket, number, row))

    def _run_group(self) -> None:
        """Run the next call of one group of images, which then stand behind the others."""
        group = next_group(self._running, self.choice.mode)
        self._running = [*(each for each in self._running if each not in group), *group]
        made = []
        stage: Stage = "shallow" if group[0].runs.branch is not None else "deep"
        with self._failing((each.ticket for each in group), "the call failed"), self._timed(stage, images=len(group)):
            made = self._unets.of(group[0].row).run([each.row for each in group])
        for each, (row, noise, features) in zip(group, made, strict=False):
            with self._failing([each.ticket], "the call failed"):
                row.take(noise, features)
                self._tell_progress(each)

    def _tell_progress(self, each: Running) -> None:
        calls, done, previews = len(each.row.image.plan.calls), each.row.index, each.ticket.order.previews
        each.ticket.tell(Progress(each.number, done, calls))
        shown = [round(calls * number / (previews + 1)) for number in range(1, previews + 1)]
        if done in shown and not each.row.is_done:
            with self._timed("preview", images=1):
                pixels = self.pipeline.decode(each.row.latents)[0]
            each.ticket.tell(Preview(each.number, shown.index(done), pixels))

    def _finish(self) -> int:
        """Decode and hand out the images whose last call is done; how many there were."""
        done = [each for each in self._running if each.row.is_done]
        for each in done:
            if each.ticket.has_ended:  # with another image of it
                continue
            with self._failing([each.ticket], "the picture cannot be decoded"):
                self._hand_out(each)
        self._running = [each for each in self._running if not each.row.is_done]
        return len(done)

    def _hand_out(self, each: Running) -> None:
        ticket = each.ticket
        with self._timed("decode", images=1):
            pixels = self.pipeline.decode(each.row.latents)[0]
        ticket.tell(Drawn(each.number, ticket.order.request.image_seeds[each.number], pixels))
        ticket.unfinished -= 1
        if not ticket.unfinished:
            ticket.has_ended = True
            del self._prepared[ticket]
            began, now = ticket.began or ticket.came, time.monotonic()
            self._observer.ended("drawn")
            ticket.tell(Finished(queued_s=began - ticket.came, drawn_s=now - began))

    @contextmanager
    def _failing(self, tickets: Iterable[Ticket], what: str) -> Iterator[None]:
        """What goes wrong in the block ends these tickets, and not the engine."""
        try:
            with explained(what):
                yield
        except AccelError as error:
            for ticket in {*tickets}:
                self._fail(ticket, error)

    def _fail(self, ticket: Ticket, error: AccelError) -> None:
        """End a ticket without its picture, unless it has ended, and free its places."""
        if ticket.has_ended:
            return
        ticket.has_ended = True
        with self._wake:
            self._waiting.remove(ticket)
        self._running = [each for each in self._running if each.ticket is not ticket]
        self._prepared.pop(ticket, None)
        self._observer.ended(outcome_of(error))
        ticket.tell(Failed(error))

    def _tell_load(self) -> None:
        self._observer.load(waiting=self._waiting.images, running=len(self._running))

    @contextmanager
    def _timed(self, stage: Stage, *, images: int) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self._observer.ran(stage, time.perf_counter() - started, images=images)


class Handle:
    """An order that an engine took.

    Args:
        engine: Has it.
        ticket: The order in it.
    """

    def __init__(self, engine: Engine, ticket: Ticket) -> None:
        self._engine, self._ticket = engine, ticket

    def cancel(self) -> None:
        """Nobody wants it any more: its places are free before the next call. Does nothing once it has ended."""
        self._engine.let_go(self._ticket)
