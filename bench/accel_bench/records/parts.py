"""Parts that records of all kinds are made of."""

from collections.abc import Mapping
from typing import Self

import msgspec
from msgspec import UNSET

from accel_bench.records.bounds import Batch, Calls, Count, Elapsed, Guidance, Side
from accel_runtime.manifest import Gate, GuidanceBy, Part, Role
from accel_runtime.plans.plan import Plan
from accel_runtime.plans.spec import PlanSpec, Steps, check_calls, check_rows
from accel_runtime.plans.tome import Share


class Workload(msgspec.Struct, frozen=True):
    """What all plans of a run have in common.

    Attributes:
        scheduler: Name of the scheduler.
        steps: Denoising steps.
        guidance: Scale of classifier-free guidance.
        height: Height of the images in pixels.
        width: Width of the images in pixels.
        batch: Images drawn together.
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
    """A plan of a record.

    Attributes:
        name: Name of the plan, distinct in the record.
        plan: The plan; scheduler and steps are null where they are those of the workload.
        calls: UNet calls of its schedule; some may be skipped.
    """

    name: str
    plan: PlanSpec
    calls: Calls

    @classmethod
    def of(cls, spec: PlanSpec, plan: Plan, *, name: str) -> Self:
        """The facts of a plan and what it was compiled to."""
        return cls(name=name, plan=spec, calls=len(plan.calls) + len(spec.skip))

    def __post_init__(self) -> None:
        check_calls(self.plan, self.calls)
        check_rows(self.plan, self.calls)

    @property
    def deep_calls(self) -> tuple[int, ...]:
        """Numbers of the calls that are deep in any case, counted from 0; with a rule, others become deep."""
        return self.plan.deep_calls(self.calls)

    @property
    def running_calls(self) -> tuple[int, ...]:
        """Numbers of the calls that run a graph."""
        return self.plan.running_calls(self.calls)

    @property
    def shallow_calls(self) -> tuple[int, ...]:
        """Numbers of the shallow calls."""
        return self.plan.shallow_calls(self.calls)

    @property
    def is_full(self) -> bool:
        """Whether every call runs the whole UNet on all tokens, by the schedule's own coefficients."""
        plan = self.plan
        return len(self.deep_calls) == self.calls and not plan.rows and not plan.tome and not plan.tgate

    def decided(self, deep_calls: tuple[int, ...] | None) -> Self:
        """The plan of one image, with the numbers that its rule decided; itself where there are none."""
        if deep_calls is None:
            return self
        return msgspec.structs.replace(self, plan=msgspec.structs.replace(self.plan, deep=deep_calls, rule=UNSET))

    @property
    def most_deep(self) -> int:
        """How many calls of an image may be deep."""
        rule = self.plan.rule
        return min(rule.most_deep, self.calls) if rule else len(self.deep_calls)

    @property
    def deep_text(self) -> str:
        """How many calls are deep, such as `10`; with a rule, `1-10`."""
        least = len(self.deep_calls)
        return f"{least}-{self.most_deep}" if self.plan.rule else str(least)

    @property
    def roles(self) -> frozenset[Role]:
        """The graphs that calls may run."""
        return frozenset(
            role
            for call in self.running_calls
            for role in (self.role_of(call), *([self.role_of(call, deep=True)] if self.plan.rule else []))
        )

    def role_of(self, call: int, *, deep: bool = False) -> Role:
        """The graph that a call runs, or would run if it were ``deep``."""
        tome, gate = self.plan.tome_of(call), self.plan.gate_of(call, deep_calls=self.deep_calls)
        if deep or call in self.deep_calls:
            return Role("deep", tome=tome, gate=gate)
        return Role("shallow", self.plan.branch_of(call), tome, gate)

    @property
    def branches(self) -> tuple[int, ...]:
        """Branches at which shallow calls cut the UNet, ascending; none where no call is shallow."""
        return tuple(sorted({self.plan.branch_of(call) for call in self.shallow_calls}))


class GraphFacts(msgspec.Struct, frozen=True):
    """The work of one call of a graph, at batch 1 and the model's own size.

    Attributes:
        flops: Floating-point operations; a multiplication with an addition counts as two.
        weight_bytes: Bytes of weights, which every call reads once, whatever the batch.
        tensor_bytes: Bytes of inputs and outputs.
        dtype: Data type that most of the graph computes in.
        part: What the graph is for.
        branch: Which shallow graph it is; None for all others.
        tome: Share of the tokens that it merges; 0 merges none.
        gate: Whether its cross-attentions run, and what they give is handed out.
    """

    flops: Count
    weight_bytes: Count
    tensor_bytes: Count
    dtype: str
    part: Part
    branch: Count | None = None
    tome: Share = 0.0
    gate: Gate = "open"

    @property
    def role(self) -> Role:
        """Part, branch, share of the tokens, and gate."""
        return Role(self.part, self.branch, self.tome, self.gate)


class BundleFacts(msgspec.Struct, frozen=True):
    """What was measured.

    Attributes:
        digest: Hash that names the bundle by content.
        source: Source of the pipeline.
        weights: `trained` or `random`; with `random` ones only the timings mean something.
        sample_size: Height and width in pixels that the model was made for.
        graphs: Work of each graph, by name.
        model: Hash of the denoiser's weights; None in records and of bundles that do not tell it.
        guidance: How the denoiser is guided; see `accel_runtime.manifest.Denoiser`.
    """

    digest: str
    source: str
    weights: str
    sample_size: tuple[Side, Side]
    graphs: dict[str, GraphFacts]
    model: str | None = None
    guidance: GuidanceBy = "halves"

    @property
    def parts(self) -> Mapping[str, Part]:
        """What each graph is for; spans of our images are called as graphs are."""
        return {name: graph.part for name, graph in self.graphs.items()}

    @property
    def deep(self) -> GraphFacts:
        """The graph of the deep pass."""
        return self.graphs[self.graph_of(Role("deep"))]

    def graph_of(self, role: Role) -> str:
        """The name of the graph of a role that one graph has: the deep pass, or a branch's shallow one."""
        (name,) = (name for name, graph in self.graphs.items() if graph.role == role)
        return name


class Span(msgspec.Struct, frozen=True, array_like=True):
    """A piece of an image's time: a stage, or one run of a graph inside it.

    Attributes:
        name: `prepare`, `denoise`, `decode`, or the graph's.
        start_s: Start in seconds since the image was begun.
        seconds: Duration.
    """

    name: str
    start_s: Elapsed
    seconds: Elapsed


class Doubt(msgspec.Struct, frozen=True):
    """A reason not to trust a number.

    Attributes:
        kind: One of a few words that a machine may look for, such as `few-samples`.
        about: Plan, graph or figure in doubt; empty where all are.
        text: The observation.
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
