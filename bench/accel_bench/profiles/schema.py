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
from accel_runtime.plans.spec import PlanSpec
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
        title: Document, version and table.
        url: Address of the document; empty where it has none.
    """

    title: str
    url: str = ""


class Fact(_Strict, frozen=True):
    """A figure of the device in SI units, and the id of its source."""

    value: Annotated[float, msgspec.Meta(gt=0)]
    source: str
    note: str = ""


class Peaks(_Strict, frozen=True):
    """Peak dense FLOP/s of the device by precision; a multiply-add counts as two."""

    fp32: Fact | None = None
    tf32: Fact | None = None
    fp16: Fact | None = None
    bf16: Fact | None = None

    def of(self, precision: str) -> Fact | None:
        """The peak of ``precision``, such as a config's `dtype`; None where the profile does not have it."""
        known: Fact | None = getattr(self, precision) if precision in self.__struct_fields__ else None
        return known


class Marks(_Strict, frozen=True):
    """Marks that tell the device from others of its kind. Every mark that both sides know must match.

    Attributes:
        names: Names, each of one or more words. One of them must occur in the driver's name of the device; case is
            ignored (`names.py`).
        pci_ids: PCI ids of AMD's cards. They recognise a card whose name says nothing.
        architecture: The compilers' name of the architecture, such as `gfx90a` or `sm_90`.
        compute_units: Number of compute units that the driver reports.
    """

    names: tuple[str, ...] = ()
    pci_ids: tuple[Positive, ...] = ()
    architecture: str | None = None
    compute_units: Positive | None = None


class Target(_Strict, frozen=True):
    """The device that a profile is for.

    Attributes:
        kind: The kind that `accel doctor` prints.
        title: Name for people.
        unit: The unit that all figures describe: the whole card, or one die of it.
        marks: Marks that recognise the device.
        memory_bytes: Memory of the unit.
        bandwidth: Bandwidth of that memory in bytes per second.
        peak_flops: Peak FLOP/s of the unit.
        note: Remarks for readers.
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
    """A provider, named as in `--provider`, with its options. The first one of a profile that works is used."""

    provider: str
    options: dict[str, str] = {}
    note: str = ""


class _Tagged(_Strict, frozen=True, tag_field="kind", tag=str.lower):
    """The base of figures; `kind` in the file names the class."""

    @property
    def kind(self) -> str:
        """`published`, `measured` or `predicted`."""
        return str(self.__struct_config__.tag)


class Published(_Tagged, frozen=True):
    """A figure that others measured with their software; `source` is an id of the profile's sources."""

    value: float
    source: str
    note: str = ""


class Measured(_Tagged, frozen=True):
    """A figure from a record of `accel bench` or `accel evaluate`, and the machine that measured it."""

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
    """The figures that a run of the config should reach.

    Attributes:
        latency_s: Seconds of one batch, from prompts to pixels.
        steps_per_s: Guided denoising steps of one batch per second, without the other stages.
        speedup: The baseline's latency over this config's.
        psnr_db: PSNR in dB against the baseline's pictures.
        score_loss: (S_baseline - S) / S_baseline of the score that the note names.
    """

    latency_s: Figure | None = None
    steps_per_s: Figure | None = None
    speedup: Figure | None = None
    psnr_db: Figure | None = None
    score_loss: Figure | None = None

    def items(self) -> tuple[tuple[str, Figure], ...]:
        """Every figure that is given, with its name."""
        figures = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return tuple((name, figure) for name, figure in figures if figure is not None)


class Config(_Strict, frozen=True):
    """Everything that one run needs, apart from prompts and seeds.

    Attributes:
        model: An alias, folder or hub id as for `accel export`.
        weights: `trained` or `random`. With random weights only timings have a meaning.
        dtype: Precision that the UNet and the text encoder compute in.
        guidance: Scale of classifier-free guidance.
        plan: Which calls run deep and how the others run (docs/plans.md), with scheduler and steps.
        baseline: Id of the config that `expected` compares with; all of its calls are deep.
        expected: Figures that the run should reach.
        note: Remarks for readers.
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
    """One device, how to run on it, and the configs found for it.

    Attributes:
        format: Version of the file's format.
        name: Name of the file without `.toml`.
        title: Name for people.
        device: The device that the profile is for.
        backends: Providers to try in this order; the first one that works is used.
        sources: Sources of figures by id.
        configs: Configs by id.
        note: Remarks on all configs.
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
    """Whether a name can be used in files, options and headings.

    >>> [is_id(text) for text in ("sd15-b1-every3", "1.5", "Full", "a b", "")]
    [True, True, False, False, False]
    """
    return len(text) <= _LONGEST_ID and re.fullmatch(r"[a-z0-9]+([.-][a-z0-9]+)*", text) is not None
