"""What records of every kind are made of."""

from typing import Annotated, Literal

import msgspec

from accel_bench.records.bounds import (
    Batch,
    Branch,
    CallNumber,
    Calls,
    Count,
    Elapsed,
    Guidance,
    Many,
    Side,
    Steps,
    Weight,
    check,
)


class Workload(msgspec.Struct, frozen=True):
    """What all plans of a run have in common.

    Attributes:
        batch: Images at a time.
        seed: Image i draws its noise from ``seed + i``.
    """

    scheduler: str
    steps: Steps
    guidance: Guidance
    height: Side
    width: Side
    batch: Batch
    seed: int


class PlanFacts(msgspec.Struct, frozen=True):
    """A plan as a reader knows it.

    Attributes:
        name: Distinct in the record.
        plan: As the user wrote it, such as `every:3`.
        branch: Where its shallow calls cut; None where all calls are deep.
        forecast: How its features are made; None where all calls are deep.
        calls: UNet calls.
        deep_calls: Their numbers, counted from 0.
        weights: By shallow call, what weighs the last deep features, newest first, where it is not ``forecast``.
        steps: None for the workload's, as ``scheduler``.
        guided_calls: The first and the last guided call; None where all are.
    """

    name: str
    plan: str
    branch: Branch | None
    forecast: Literal["hold", "linear", "quadratic"] | None
    calls: Calls
    deep_calls: Annotated[tuple[CallNumber, ...], Many]
    weights: dict[CallNumber, Annotated[tuple[Weight, ...], Many]] = {}
    steps: Steps | None = None
    scheduler: str | None = None
    guided_calls: tuple[CallNumber, CallNumber] | None = None

    def __post_init__(self) -> None:
        deep, (first, last) = set(self.deep_calls), self.guided_calls or (0, self.calls - 1)
        check(len(deep) == len(self.deep_calls) and max(deep) < self.calls, "deep calls among the calls, each once")
        check(all(call < self.calls and call not in deep for call in self.weights), "weights of shallow calls")
        check(first <= last < self.calls, "a first and a last guided call among the calls")
        check((self.branch is None) == (self.forecast is None), "a branch and a forecast, or neither")
        check(self.branch is not None or len(deep) == self.calls, "a branch where some calls are shallow")

    def guides(self, call: int) -> bool:
        """Whether ``call`` is guided, if the workload's guidance guides at all."""
        first, last = self.guided_calls or (0, self.calls - 1)
        return first <= call <= last


class GraphFacts(msgspec.Struct, frozen=True):
    """The work of one call of a graph, at batch 1 and the model's own size.

    Attributes:
        flops: Two per multiplication and addition.
        weight_bytes: Read at every call, whatever the batch.
        tensor_bytes: Of inputs and outputs.
        dtype: What most of it computes in.
    """

    flops: Count
    weight_bytes: Count
    tensor_bytes: Count
    dtype: str


class BundleFacts(msgspec.Struct, frozen=True):
    """What was measured.

    Attributes:
        digest: Names the bundle by content.
        source: Where the pipeline came from.
        weights: Of `random` ones only the timings mean something.
        sample_size: Height and width in pixels that the model was made for.
        graphs: By name.
    """

    digest: str
    source: str
    weights: str
    sample_size: tuple[Side, Side]
    graphs: dict[str, GraphFacts]


class Span(msgspec.Struct, frozen=True, array_like=True):
    """A piece of an image's time: a stage, or one run of a graph inside it.

    Attributes:
        name: `prepare`, `denoise`, `decode`, or the graph's.
        start_s: Since the image was begun.
        seconds: How long it took.
    """

    name: str
    start_s: Elapsed
    seconds: Elapsed


class Doubt(msgspec.Struct, frozen=True):
    """A reason not to trust a number.

    Attributes:
        kind: One of a few words that a machine may look for, such as `few-samples`.
        about: The plan, graph or figure that it concerns; empty where that is all of them.
        text: What was seen.
        advice: What to do about it.
    """

    kind: str
    about: str
    text: str
    advice: str

    def __str__(self) -> str:
        """One line for a terminal."""
        about = f"{self.about}: " if self.about else ""
        return f"{about}{self.text}: {self.advice}"
