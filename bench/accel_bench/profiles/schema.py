"""What a profile holds: the tree of classes below is the schema of `profiles/*.toml` (docs/profiles.md).

What types cannot say is in `checks.py`.

Format history:
    1  first version
    2  a config's `plan` is a table that holds scheduler and steps too
"""

import re
from typing import Annotated, Literal

import msgspec

from accel_bench.base.dtypes import DType
from accel_runtime.manifest import LONGEST_SIDE
from accel_runtime.plan_spec import PlanSpec
from accel_runtime.request import MOST_IMAGES

Positive = Annotated[int, msgspec.Meta(ge=1)]
Batch = Annotated[int, msgspec.Meta(ge=1, le=MOST_IMAGES)]
Pixels = Annotated[int, msgspec.Meta(ge=8, le=LONGEST_SIDE, multiple_of=8)]
_LONGEST_ID = 100
Kind = Literal["cpu", "nvidia", "amd"]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The base of every part of a profile."""


class Source(_Strict, frozen=True):
    """Where figures were published.

    Attributes:
        title: Document, version, table.
        url: Its address; empty where it has none.
    """

    title: str
    url: str = ""


class Fact(_Strict, frozen=True):
    """A figure of the device's, in SI units, and the id of the source that says so."""

    value: Annotated[float, msgspec.Meta(gt=0)]
    source: str
    note: str = ""


class Peaks(_Strict, frozen=True):
    """FLOP/s that the device could do at best, dense, by precision; a multiply-add counts as two."""

    fp32: Fact | None = None
    tf32: Fact | None = None
    fp16: Fact | None = None
    bf16: Fact | None = None

    def of(self, precision: str) -> Fact | None:
        """The peak of ``precision``, such as a config's `dtype`; None where the profile does not know it."""
        known: Fact | None = getattr(self, precision) if precision in self.__struct_fields__ else None
        return known


class Marks(_Strict, frozen=True):
    """How the device is told from others of its kind; every mark that both sides know must fit.

    Attributes:
        names: Words; the driver's name of the device holds those of one of them, in any case (`names.py`).
        pci_ids: Of AMD's cards; a card is also recognised by one of these where its name says nothing.
        architecture: As compilers call it: `gfx90a`, `sm_90`.
        compute_units: As the driver counts them.
    """

    names: tuple[str, ...] = ()
    pci_ids: tuple[Positive, ...] = ()
    architecture: str | None = None
    compute_units: Positive | None = None


class Target(_Strict, frozen=True):
    """The device that a profile is for.

    Attributes:
        kind: As `accel doctor` calls it.
        title: For people.
        unit: What all figures are of: the whole card, or one die of it.
        marks: How it is recognised.
        memory_bytes: Of the unit.
        bandwidth: Of that memory, bytes a second.
        peak_flops: Of the unit.
        note: What to know of it.
    """

    kind: Kind
    title: str
    unit: str = "card"
    marks: Marks = Marks()
    memory_bytes: Fact | None = None
    bandwidth: Fact | None = None
    peak_flops: Peaks = Peaks()
    note: str = ""


class BackendChoice(_Strict, frozen=True):
    """A provider as in `--provider`, with its options; the first of a profile's that works is taken."""

    provider: str
    options: dict[str, str] = {}
    note: str = ""


class _Tagged(_Strict, frozen=True, tag_field="kind", tag=str.lower):
    """The base of figures: `kind` in the file names the class."""

    @property
    def kind(self) -> str:
        """How the figure came about."""
        return str(self.__struct_config__.tag)


class Published(_Tagged, frozen=True):
    """A figure of somebody else's, measured with their software; `source` is an id of the profile's sources."""

    value: float
    source: str
    note: str = ""


class Measured(_Tagged, frozen=True):
    """A figure of a run record of `accel bench` or `accel evaluate`, and the machine that it was measured on."""

    value: float
    record: str
    machine: str
    note: str = ""


class Predicted(_Tagged, frozen=True):
    """A figure that nobody measured; `formula` says how it was computed (docs/profiles.md)."""

    value: float
    formula: str
    note: str = ""


Figure = Published | Measured | Predicted


class Expected(_Strict, frozen=True):
    """What a run of the config should give.

    Attributes:
        latency_s: Prompt to pixels, of one batch.
        steps_per_s: Denoising steps alone, guided, of one batch.
        speedup: The baseline's latency over this one's.
        psnr_db: Pixels against the baseline's.
        score_loss: (S_baseline - S) / S_baseline of the score that the note names.
    """

    latency_s: Figure | None = None
    steps_per_s: Figure | None = None
    speedup: Figure | None = None
    psnr_db: Figure | None = None
    score_loss: Figure | None = None

    def items(self) -> tuple[tuple[str, Figure], ...]:
        """Every figure that is there, with its name."""
        figures = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return tuple((name, figure) for name, figure in figures if figure is not None)


class Config(_Strict, frozen=True):
    """All that one run needs beside prompts and seeds.

    Attributes:
        model: Alias, folder or hub id as for `accel export`.
        weights: Weights of the model; of `random` ones only the timings mean something.
        dtype: What UNet and text encoder compute in.
        guidance: Scale of classifier-free guidance.
        plan: Which calls run deep and how the others run (docs/plans.md), with scheduler and steps.
        baseline: Id of the config with every call deep that `expected` compares with.
        expected: What the run should give.
        note: What to know of it.
    """

    model: str
    width: Pixels
    height: Pixels
    batch: Batch
    dtype: DType
    guidance: Annotated[float, msgspec.Meta(ge=0)]
    plan: PlanSpec
    weights: Literal["trained", "random"] = "trained"
    baseline: str | None = None
    expected: Expected = Expected()
    note: str = ""

    @property
    def scheduler(self) -> str:
        """Scheduler of the plan, which `checks.py` demands."""
        return str(self.plan.scheduler)

    @property
    def steps(self) -> int:
        """Steps of the plan, which `checks.py` demands."""
        return self.plan.steps or 0


class Profile(_Strict, frozen=True):
    """One device, how to run on it, and what was found for it.

    Attributes:
        format: Format of the file.
        name: Name of the file, without `.toml`.
        title: For people.
        device: What it is for.
        backends: The first that works is taken.
        sources: By id.
        configs: By id.
        note: What to know of all of them.
    """

    format: Literal[2]
    name: str
    title: str
    device: Target
    backends: Annotated[tuple[BackendChoice, ...], msgspec.Meta(min_length=1)]
    sources: dict[str, Source] = {}
    configs: dict[str, Config] = {}
    note: str = ""


def is_id(text: str) -> bool:
    """Whether a name is plain enough for a file, an option and a heading.

    >>> [is_id(text) for text in ("sd15-b1-every3", "1.5", "Full", "a b", "")]
    [True, True, False, False, False]
    """
    return len(text) <= _LONGEST_ID and re.fullmatch(r"[a-z0-9]+([.-][a-z0-9]+)*", text) is not None
