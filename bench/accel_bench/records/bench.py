"""The record of one benchmark run: what was run, where, and every raw time.

Only raw samples are stored; `accel_bench.summary` computes what is printed.

Format history:
    1  first version, without `kind`
    2  spans with their starts; peers, profile, doubts, pictures; `id`
"""

from typing import Literal

import msgspec

from accel_bench.environment import Environment
from accel_bench.records.parts import BundleFacts, Doubt, PlanFacts, Span, Workload
from accel_runtime.backends import BackendDescription


class ImageRun(msgspec.Struct, frozen=True):
    """The drawing of one batch of images.

    Attributes:
        seconds: From prompt to pixels.
        spans: What is known of the time in between.
        joules: What the device took meanwhile; None where it cannot be read.
        device_bytes: Memory in use on the device afterwards; None where it cannot be read.
    """

    seconds: float
    spans: tuple[Span, ...]
    joules: float | None = None
    device_bytes: int | None = None


class PlanRun(msgspec.Struct, frozen=True):
    """One plan of ours, drawn once a round.

    Attributes:
        warm_up_s: A short image that loads and warms its graphs; in no statistic.
        images: One per round.
        picture: The first picture as PNG; None where it was not wanted.
        squared_errors: Of each picture of a batch, the mean squared error against the baseline's, in units of 1/255.
    """

    facts: PlanFacts
    warm_up_s: float
    images: tuple[ImageRun, ...]
    picture: bytes | None
    squared_errors: tuple[float, ...] = ()


class PeerRun(msgspec.Struct, frozen=True):
    """Other software at the same work, in a process of its own, in the same rounds.

    Attributes:
        name: As the user asked for it, such as `openvino-genai`.
        versions: Of its packages.
        settings: What was set, such as threads and precision.
        calls: UNet calls of one image; a peer may make more than was asked.
        unequal: What could not be made equal to ours, in words.
        load_s: Opening the model, compiling included.
        warm_up_s: A short image; in no statistic.
        images: One per round; the span of a UNet call is named `unet`.
        peak_rss_bytes: Of its process.
        picture: The first picture as PNG.
    """

    name: str
    versions: dict[str, str]
    settings: dict[str, str | int | float | bool]
    calls: int
    unequal: tuple[str, ...]
    load_s: float
    warm_up_s: float
    images: tuple[ImageRun, ...]
    peak_rss_bytes: int
    picture: bytes | None


class ProfileUse(msgspec.Struct, frozen=True):
    """The profile whose configurations were run.

    Attributes:
        name: Of the profile.
        sha256: Of its file.
        configs: By plan's name, the id of the configuration that it is of.
        comparable: Whether this is the profile's device, model, size and precision; if not, no promise is judged.
        instead: What was run instead of what the profile says, in words.
    """

    name: str
    sha256: str
    configs: dict[str, str]
    comparable: bool
    instead: tuple[str, ...]


class Peaks(msgspec.Struct, frozen=True):
    """What the device can do at most.

    Attributes:
        flops_per_s: By dtype, dense.
        bytes_per_s: Of its memory; None where it is not known.
        source: Where the figures come from.
    """

    flops_per_s: dict[str, float]
    bytes_per_s: float | None
    source: str


class BenchRecord(msgspec.Struct, frozen=True):
    """One run of `accel bench`.

    Attributes:
        id: The start of the hash of all other fields.
        peaks: What the device can do; None where it is not known.
        load_s: By graph, reading and compiling it; in no statistic.
        plans: The first is the baseline, with every call deep.
        yardstick_s: Seconds of a fixed matrix product, one per round: how fast the machine was meanwhile.
        peak_rss_bytes: Of our process.
        doubts: What was noticed while measuring; those that follow from samples are computed.
    """

    kind: Literal["bench"]
    format: Literal[2]
    id: str
    started: str
    environment: Environment
    backend: BackendDescription
    bundle: BundleFacts
    workload: Workload
    prompt: str
    profile: ProfileUse | None
    peaks: Peaks | None
    load_s: dict[str, float]
    plans: tuple[PlanRun, ...]
    peers: tuple[PeerRun, ...]
    yardstick_s: tuple[float, ...]
    peak_rss_bytes: int
    doubts: tuple[Doubt, ...]
