"""The record of one benchmark run: what was run, where, and every raw time.

Only raw samples are stored; `accel_bench.benchmark.summary` computes what is printed.

Format history:
    1  first version, without `kind`
    2  spans with their starts; peers, profile, doubts, pictures; `id`
"""

from typing import Annotated, Final, Literal

import msgspec

from accel_bench.records.bounds import Calls, Count, Elapsed, Energy, Many, Rate, Seconds, SquaredError, check
from accel_bench.records.head import RecordHead
from accel_bench.records.parts import Doubt, PlanFacts, Span

# Ticks between two readings of a clock.
_CLOCK: Final = 1.0001


class ImageRun(msgspec.Struct, frozen=True):
    """The drawing of one batch of images.

    Attributes:
        seconds: From prompt to pixels.
        spans: What is known of the time in between.
        joules: What the device took meanwhile; None where it cannot be read.
        device_bytes: Memory in use on the device afterwards; None where it cannot be read.
    """

    seconds: Seconds
    spans: tuple[Span, ...]
    joules: Energy | None = None
    device_bytes: Count | None = None


class PlanRun(msgspec.Struct, frozen=True):
    """One plan of ours, drawn once a round.

    Attributes:
        warm_up_s: A short image that loads and warms its graphs; in no statistic.
        images: One per round.
        picture: The first picture as PNG; None where it was not wanted.
        squared_errors: Of each picture of a batch, the mean squared error against the baseline's, in units of 1/255.
    """

    facts: PlanFacts
    warm_up_s: Elapsed
    images: Annotated[tuple[ImageRun, ...], Many]
    picture: bytes | None
    squared_errors: tuple[SquaredError, ...] = ()

    def __post_init__(self) -> None:
        for image in self.images:
            calls = sum(span.seconds for span in image.spans if span.name.startswith("unet_"))
            check(calls > 0, "the spans of UNet calls in each image")


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
    calls: Calls
    unequal: tuple[str, ...]
    load_s: Elapsed
    warm_up_s: Elapsed
    images: Annotated[tuple[ImageRun, ...], Many]
    peak_rss_bytes: Count
    picture: bytes | None

    def __post_init__(self) -> None:
        for image in self.images:
            calls = sum(span.seconds for span in image.spans if span.name == "unet")
            check(calls <= _CLOCK * image.seconds, "UNet calls that take no longer than their image")


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

    flops_per_s: dict[str, Rate]
    bytes_per_s: Rate | None
    source: str


class BenchRecord(RecordHead, frozen=True, kw_only=True):
    """One run of `accel bench`.

    Attributes:
        peaks: What the device can do; None where it is not known.
        load_s: By graph, reading and compiling it; in no statistic.
        plans: The first is the baseline, with every call deep.
        yardstick_s: Seconds of a fixed matrix product, one per round: how fast the machine was meanwhile.
        peak_rss_bytes: Of our process.
        doubts: What was noticed while measuring; those that follow from samples are computed.
    """

    kind: Literal["bench"]
    format: Literal[2]
    prompt: str
    profile: ProfileUse | None
    peaks: Peaks | None
    load_s: dict[str, Elapsed]
    plans: Annotated[tuple[PlanRun, ...], Many]
    peers: tuple[PeerRun, ...]
    yardstick_s: tuple[Seconds, ...]
    peak_rss_bytes: Count
    doubts: tuple[Doubt, ...]

    def __post_init__(self) -> None:
        baseline, rounds = self.plans[0].facts, len(self.plans[0].images)
        cuts = {run.facts.branch for run in self.plans} - {None}
        unet = {"unet_deep", *(f"unet_shallow_{branch}" for branch in cuts)}
        names = [run.facts.name for run in self.plans] + [peer.name for peer in self.peers]
        check(len(set(names)) == len(names), "plans and peers of distinct names")
        check(len(baseline.deep_calls) == baseline.calls and not baseline.guided_calls, "a first plan of deep calls")
        images = [run.images for run in self.plans] + [peer.images for peer in self.peers]
        check(all(len(each) == rounds for each in images), f"{rounds} images of each plan and peer")
        deep = [span for image in images[0] for span in image.spans if span.name == "unet_deep" and span.seconds]
        check(deep, "spans of deep calls in the first plan's images")
        check(len(self.yardstick_s) <= rounds, f"at most a yardstick for each of {rounds} rounds")
        check({*unet, "text_encoder", "vae_decoder"} <= self.bundle.graphs.keys(), "the facts of every graph")
        check(all(self.bundle.graphs[name].flops for name in unet), "FLOPs of the UNet's graphs")
