"""What must not work together is refused by the name of its node, whichever node is first."""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ray import exceptions

from accel_bench.base.crew import Worker
from accel_bench.cluster import member
from accel_bench.cluster.crew import RayCrew
from accel_bench.plans.prepare import Settings
from accel_bench.quality.captions import Yardstick
from accel_bench.search.prompts import Prompts
from accel_bench.search.worker import SearchWork
from accel_runtime.backends import BackendDescription
from accel_runtime.errors import AccelError, BackendError

OURS = BackendDescription("onnxruntime", "1.31.1", "CPUExecutionProvider", {})


@dataclass(eq=False)
class Nodes:
    """Stands for Ray on nodes that answer at once, in this process.

    Attributes:
        enter: Is called with a node's name before its worker does anything, so that the node may be another machine.
    """

    names: tuple[str, ...]
    enter: Callable[[str], None] = lambda _: None
    exceptions: Any = exceptions
    _hired: list[str] = field(default_factory=list)

    def nodes(self) -> list[dict[str, Any]]:
        told = {"Alive": True, "Resources": {"CPU": 1.0}}
        return [
            {**told, "NodeID": f"{1 + self.names.index(name):056x}", "NodeManagerHostname": name} for name in self.names
        ]

    def remote(self, kind: Callable[[], Any]) -> Any:
        def hire() -> Any:
            self._hired.append(self.names[len(self._hired)])
            return _Actor(kind(), self, self._hired[-1])

        class Remote:
            remote = staticmethod(hire)

            def options(self, **_: Any) -> "Remote":
                return self

        return Remote()

    def wait(self, calls: list[Any], **_: Any) -> tuple[list[Any], list[Any]]:
        return calls[:1], calls[1:]

    def get(self, reference: Callable[[], Any]) -> Any:
        return reference()


@dataclass(eq=False)
class _Actor:
    worker: Any
    ray: Nodes
    name: str

    def __getattr__(self, method: str) -> Any:
        class Method:
            @staticmethod
            def remote(*given: Any) -> Callable[[], Any]:
                def run() -> Any:
                    self.ray.enter(self.name)
                    return getattr(self.worker, method)(*given)

                return run

        return Method


@dataclass(frozen=True)
class Doubling:
    """A work that runs no graph."""

    bundle: Path
    digest: str
    ran: BackendDescription = OURS
    provider: str = "cpu"

    def open(self, folder: Path, *, threads: int | None = None) -> Worker[int, int]:  # noqa: ARG002
        return _Doubler(_RUNS.get(_here[0], self.ran))


@dataclass(frozen=True)
class _Doubler:
    ran: BackendDescription

    def do(self, item: int) -> int:
        return 2 * item

    def describe(self) -> BackendDescription:
        return self.ran


# On which node we are, and what runs graphs there.
_here = [""]
_RUNS: dict[str, BackendDescription] = {}


def enter(name: str) -> None:
    _here[0] = name


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Doubling:
    monkeypatch.setattr(member, "find_bundle", lambda folder, _: folder)
    return Doubling(tmp_path, "digest")


def done(work: Any, nodes: Nodes, items: int = 6) -> dict[Any, Any]:
    return dict(RayCrew[Any, Any](nodes, work, tell=print).map(range(items)))


def test_nodes_that_are_alike_do_the_work(work: Doubling) -> None:
    assert done(work, Nodes(("one", "two"), enter)) == {item: 2 * item for item in range(6)}


def test_a_node_with_another_version_of_accel_is_refused_by_name(
    work: Doubling, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = version("accel-sd")
    monkeypatch.setattr(member, "version", lambda _: "9.9.9" if _here == ["two"] else own)

    with pytest.raises(BackendError, match=rf"the worker on two: has accel 9\.9\.9, not {own}: install the same"):
        done(work, Nodes(("one", "two"), enter), items=100)


def test_a_node_where_another_version_runs_graphs_is_refused_by_name(
    work: Doubling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(_RUNS, "two", msgspec.structs.replace(OURS, version="1.30.0"))

    with pytest.raises(BackendError, match=r"the worker on two runs .*1\.30\.0.* and that on one .*1\.31\.1"):
        done(work, Nodes(("one", "two"), enter), items=100)


def test_another_kind_of_machine_is_refused_in_a_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member, "find_bundle", lambda folder, _: folder)
    search = SearchWork(
        bundle=tmp_path,
        digest="digest",
        provider="cpu",
        options={},
        settings=Settings(4, None, 7.5, 1),
        prompts=Prompts((), (), ()),
        of=Yardstick.EMOJI,
        clip=None,
        scorers={},
        machine="a machine of 128 cores",
    )

    with pytest.raises(AccelError, match=r"the worker on one: is .*, and the search of a machine of 128 cores"):
        done(search, Nodes(("one",)))
