"""A graph on a device: one session for each set of sizes."""

from pathlib import Path

import pytest

from accel_runtime.backends.onnxruntime.session import OnnxRuntimeSession, Opened, Sizes


@pytest.fixture
def made() -> list[Sizes]:
    """The sizes that sessions were made for."""
    return []


@pytest.fixture
def graph(made: list[Sizes]) -> OnnxRuntimeSession:
    def open_at(sizes: Sizes) -> Opened:
        made.append(sizes)
        return Opened(object())

    return OnnxRuntimeSession(None, Path("g.onnx"), inputs=(), open_at=open_at)


def of(height: int) -> Sizes:
    return (("height", height),)


def test_a_set_of_sizes_is_opened_once(graph: OnnxRuntimeSession, made: list[Sizes]) -> None:
    for height in (8, 16, 8, 16):
        graph.open(of(height))

    assert made == [of(8), of(16)]


def test_the_four_sets_that_were_used_last_stay(graph: OnnxRuntimeSession, made: list[Sizes]) -> None:
    for height in (1, 2, 3, 4, 1, 5):
        graph.open(of(height))
    made.clear()

    for height in (1, 3, 4, 5):
        graph.open(of(height))
    assert made == []
    graph.open(of(2))
    assert made == [of(2)]
