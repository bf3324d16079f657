"""A crew of Ray's actors: who gets which item, who is replaced, and what is done again."""

import pickle
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from itertools import islice
from time import monotonic
from typing import Any, Final, Generic

from accel_bench.base.crew import Done, Item, Work, version_of
from accel_bench.cluster.bundles import Parcel, pack
from accel_bench.cluster.devices import Device, devices
from accel_bench.cluster.member import Answer, Failed, Lacking, Member, Opened, Order
from accel_runtime.backends import BackendDescription
from accel_runtime.errors import BackendError, InputError

# Items that a worker has at once: the one that it does, and the next, so that it never waits for us.
_AT_ONCE: Final = 2
# After so many losses of workers with an item, or of a device's workers in a row, they are not chance.
_LOSSES: Final = 3
_LOOK_S: Final = 1.0
# How long a cluster may be without any worker.
_PATIENCE_S: Final = 60.0


@dataclass(eq=False)
class _Hand:
    """An actor of ours; ``items`` counts those that it has."""

    device: Device
    actor: Any
    is_open: bool = False
    items: int = 0


@dataclass(frozen=True, slots=True)
class Hand(Generic[Item, Done]):
    """A worker that is lent: it does what it is asked, and is not replaced.

    Attributes:
        node: The node that it is on.
        do: Does an item, and may be called from any thread.
    """

    node: str
    do: Callable[[Item], Done]


@dataclass(frozen=True, slots=True)
class _Call:
    """What an actor was asked; ``item`` is None while it is opened."""

    hand: _Hand
    item: Any = None


@dataclass(eq=False)
class RayCrew(Generic[Item, Done]):
    """One worker for each device of a cluster, for one work.

    Devices that appear get a worker; lost workers are replaced, and their items done again.

    Attributes:
        ray: The package, connected.
        work: What they do.
        tell: Is told of lost workers.
    """

    ray: Any
    work: Work[Item, Done]
    tell: Callable[[str], None]
    _hands: dict[Device, _Hand] = field(default_factory=dict)
    _calls: dict[Any, _Call] = field(default_factory=dict)
    _losses: Counter[str] = field(default_factory=Counter)
    _ran: tuple[BackendDescription, str] | None = None
    _parcel: Parcel | None = None
    _looked: float = float("-inf")
    _seen: float = field(default_factory=monotonic)

    def describe(self) -> BackendDescription:
        """What runs the graphs of all workers; waits for the first.

        Raises:
            BackendError: There is no device, or its worker cannot be opened.
        """
        while self._ran is None:
            self._look_for_devices()
            for _ in self._finished():
                pass
        return self._ran[0]

    def map(self, items: Iterable[Item]) -> Iterator[tuple[Item, Done]]:
        """See `accel_bench.base.crew.Crew.map`."""
        source, again, attempts = iter(items), deque[Item](), Counter[int]()
        while True:
            self._look_for_devices()
            self._give(source, again)
            if not _refill(again, source) and not any(call.item is not None for call in self._calls.values()):
                return
            for item, answer in self._finished():
                if answer is not None:
                    attempts.pop(id(item), None)
                    yield item, answer.done
                    continue
                attempts[id(item)] += 1
                if attempts[id(item)] >= _LOSSES:
                    raise BackendError(f"{item}: {_LOSSES} workers were lost with it: try a smaller --batch")
                again.append(item)

    def hands(self, count: int | None) -> tuple[Hand[Item, Done], ...]:
        """Wait until all workers are open, and lend ``count`` of them, or all, to threads that ask them one by one.

        Raises:
            InputError: There are fewer.
            BackendError: There is no device, or a worker cannot be opened.
        """
        self.describe()
        while not all(hand.is_open for hand in self._hands.values()):
            self._look_for_devices()
            for _ in self._finished():
                pass
        found = list(self._hands.values())
        if count is not None and count > len(found):
            raise InputError(f"workers: the cluster has {len(found)} for --provider {self.work.provider}, not {count}")
        return tuple(Hand(each.device.name, partial(self._ask, each)) for each in found[:count])

    def _ask(self, hand: _Hand, item: Item) -> Done:
        """Let a lent worker do an item."""
        try:
            told = self.ray.get(hand.actor.do.remote(item))
        except self.ray.exceptions.RayTaskError:
            raise  # a bug of ours keeps its traceback
        except self.ray.exceptions.RayError as error:
            said = f"the worker on {hand.device.name} was lost while times were measured"
            raise BackendError(f"{said}, so they mean nothing: give the command again") from error
        done: Done = self._checked(hand, told).done
        return done

    def close(self) -> None:
        """End all workers."""
        for hand in self._hands.values():
            self.ray.kill(hand.actor)
        self._hands.clear()
        self._calls.clear()

    def _look_for_devices(self) -> None:
        """Give each device a worker; once a second at most."""
        if monotonic() - self._looked < _LOOK_S:
            return
        self._looked = monotonic()
        found = list(devices(self.ray.nodes(), self.work.provider))
        if found:
            self._seen = monotonic()
        elif monotonic() - self._seen > (_PATIENCE_S if self._hands or self._ran else 0):
            raise BackendError(f"the Ray cluster has no device for --provider {self.work.provider}: add a node")
        for device in found:
            if device not in self._hands:
                self._hire(device)

    def _hire(self, device: Device) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # noqa: PLC0415  # an extra brings it

        there = NodeAffinitySchedulingStrategy(node_id=device.node, soft=False)
        remote = self.ray.remote(Member).options(
            num_cpus=device.cpus, num_gpus=device.gpus, scheduling_strategy=there, max_restarts=0, max_task_retries=0
        )
        self._hands[device] = hand = _Hand(device, remote.remote())
        self._open(hand, None)

    def _open(self, hand: _Hand, parcel: Parcel | None) -> None:
        device = hand.device
        order = Order(
            version("accel-sd"),
            pickle.dumps(self.work),
            cpus=int(device.cpus),
            on_cpu=device.gpus == 0,
            parcel=parcel,
        )
        self._calls[hand.actor.open.remote(order)] = _Call(hand)

    def _give(self, source: Iterator[Item], again: deque[Item]) -> None:
        """Give items to workers that have fewer than they may, round by round."""
        for load in range(_AT_ONCE):
            for hand in [each for each in self._hands.values() if each.is_open and each.items == load]:
                if not _refill(again, source):
                    return
                item = again.popleft()
                hand.items += 1
                self._calls[hand.actor.do.remote(item)] = _Call(hand, item)

    def _finished(self) -> Iterator[tuple[Any, Answer | None]]:
        """Wait a second at most, and yield the items that came back; None of those whose worker was lost."""
        ready, _ = self.ray.wait(list(self._calls), num_returns=1, timeout=_LOOK_S) if self._calls else ([], [])
        for reference in ready:
            call = self._calls.pop(reference, None)
            if call is None:
                continue
            try:
                told = self.ray.get(reference)
            except self.ray.exceptions.RayTaskError:
                raise  # a bug of ours keeps its traceback
            except self.ray.exceptions.RayError as error:
                yield from ((item, None) for item in self._lose(call, error))
                continue
            if call.item is None:
                self._opened(call.hand, told)
            else:
                call.hand.items -= 1
                self._losses.pop(call.hand.device.node, None)
                yield call.item, self._checked(call.hand, told)

    def _opened(self, hand: _Hand, told: Opened | Lacking | Failed) -> None:
        """Take a worker that is open, and send the bundle to one that lacks it."""
        if isinstance(told, Lacking):
            self._parcel = self._parcel or pack(self.work.bundle, self.ray.put)
            self._open(hand, self._parcel)
            return
        ran, name = self._checked(hand, told).ran, hand.device.name
        self._ran = self._ran or (ran, name)
        first, where = self._ran
        if version_of(ran) != version_of(first):
            said = f"the worker on {name} runs {version_of(ran)}, and that on {where} {version_of(first)}"
            raise BackendError(f"{said}: their results could differ: install the same on all machines")
        hand.is_open = True

    def _checked(self, hand: _Hand, told: Any) -> Any:
        if isinstance(told, Failed):
            kind = InputError if told.exit_code == InputError.exit_code else BackendError
            raise kind(f"the worker on {hand.device.name}: {told.reason}")
        return told

    def _lose(self, call: _Call, error: Exception) -> list[Any]:
        """Forget a lost worker, and return the items that it had."""
        hand = call.hand
        lost = [(reference, each) for reference, each in self._calls.items() if each.hand is hand]
        for reference, _ in lost:
            del self._calls[reference]
        if self._hands.get(hand.device) is hand:
            del self._hands[hand.device]
        node = hand.device.node
        self._losses[node] += 1
        if self._losses[node] >= _LOSSES and not hand.is_open:
            reason = " ".join(str(error).split())[-300:]
            raise BackendError(f"the workers on {hand.device.name} end before they are open: {reason}")
        items = [each.item for each in (call, *(each for _, each in lost)) if each.item is not None]
        self.tell(f"the worker on {hand.device.name} was lost, another one does its {len(items)} items")
        self._looked = float("-inf")
        return items


def _refill(waiting: deque[Item], source: Iterator[Item]) -> bool:
    """Whether some item is waiting to be given, if need be a new one."""
    if not waiting:
        waiting.extend(islice(source, 1))
    return bool(waiting)
