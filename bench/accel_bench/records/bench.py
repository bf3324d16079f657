"""The record of one benchmark run: what was run, where, and every raw time.

Only raw samples are stored; `accel_bench.benchmark.summary` computes what is printed.

Format history:
    1  first version, without `kind`
    2  spans with their starts; peers, profile, doubts, pictures; `id`
    3  plans as in plan files; `accel_bench.records.older` reads format 2
"""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

import msgspec

from accel_bench.records.bounds import Calls, Count, Elapsed, Energy, Many, Rate, Seconds, SquaredError, check
from accel_bench.records.head import RecordHead
from accel_bench.records.parts import Doubt, PlanFacts, Span
from accel_runtime.manifest import Part
from accel_runtime.plans.deep_calls import CallNumber

# Slack for the ticks between two readings of a clock.
_CLOCK: Final = 1.0001
# What peers call the spans of their images, and the parts that these are.
PEER_PARTS: Final[Mapping[str, Part]] = {"text_encoder": "text", "unet": "deep", "vae_decoder": "decoder"}


class ImageRun(msgspec.Struct, frozen=True):
    """The drawing of one batch of images.

    Attributes:
        seconds: Seconds from prompt to pixels.
        spans: Stages and graph runs in between.
        joules: Energy that the device used meanwhile; None where it cannot be read.
        device_bytes: Memory in use on the device afterwards; None where it cannot be read.
        deep_calls: Numbers of the calls that ran deep; None where the plan numbers them.
    """

    seconds: Seconds
    spans: tuple[Span, ...]
    joules: Energy | None = None
    device_bytes: Count | None = None
    deep_calls: tuple[CallNumber, ...] | None = None


class PlanRun(msgspec.Struct, frozen=True):
    """One plan of ours, drawn once a round.

    Attributes:
        facts: The plan.
        warm_up_s: Seconds of a short image that loads and warms the graphs; in no statistic.
        images: Drawings, one per round.
        picture: First picture as PNG; None where it was not wanted.
        squared_errors: Mean squared error of each picture of a batch against the baseline's, in units of 1/255.
    """

    facts: PlanFacts
    warm_up_s: Elapsed
    images: Annotated[tuple[ImageRun, ...], Many]
    picture: bytes | None
    squared_errors: tuple[SquaredError, ...] = ()

    @property
    def ran(self) -> PlanFacts:
        """The plan as its images ran it: the same request decides a rule in the same way each time."""
        return self.facts.decided(self.images[0].deep_calls)


class PeerRun(msgspec.Struct, frozen=True):
    """Other software at the same work, in a process of its own, in the same rounds.

    Attributes:
        name: Name that the user asked for, such as `openvino-genai`.
        versions: Versions of its packages.
        settings: Settings such as threads and precision.
        calls: UNet calls of one image; a peer may make more than was asked.
        unequal: Differences to our work that could not be removed, in words.
        load_s: Seconds of opening the model, compiling included.
        warm_up_s: Seconds of a short image; in no statistic.
        images: Drawings, one per round; the span of a UNet call is named `unet`.
        peak_rss_bytes: Peak memory of its process.
        picture: First picture as PNG.
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
            calls = sum(span.seconds for span in image.spans if PEER_PARTS.get(span.name) == "deep")
            check(calls <= _CLOCK * image.seconds, "UNet calls that take no longer than their image")


class ProfileUse(msgspec.Struct, frozen=True):
    """The profile whose configurations were run.

    Attributes:
        name: Name of the profile.
        sha256: Hash of its file.
        configs: Id of the config by the name of the plan.
        comparable: Whether device, model, size and precision are the profile's; if not, no figure is judged.
        instead: What was run instead of what the profile says, in words.
    """

    name: str
    sha256: str
    configs: dict[str, str]
    comparable: bool
    instead: tuple[str, ...]


class Peaks(msgspec.Struct, frozen=True):
    """The peaks of a device.

    Attributes:
        flops_per_s: Dense floating-point operations per second, by dtype.
        bytes_per_s: Bandwidth of its memory; None where it is not known.
        source: Source of the figures.
    """

    flops_per_s: dict[str, Rate]
    bytes_per_s: Rate | None
    source: str


class BenchRecord(RecordHead, frozen=True, kw_only=True):
    """One run of `accel bench`.

    Attributes:
        prompt: Prompt of all images.
        profile: Profile whose configs were run; None for other runs.
        peaks: Peaks of the device; None where they are not known.
        load_s: Seconds of reading and compiling each graph; in no statistic.
        plans: Plans; the first is the baseline, with every call deep.
        peers: Other software in the same rounds.
        yardstick_s: Seconds of a fixed matrix product, one per round, which tell the speed of the machine.
        peak_rss_bytes: Peak memory of our process.
        doubts: Doubts noted while measuring; those that samples show are computed.
    """

    kind: Literal["bench"]
    format: Literal[3]
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
        roles = [graph.role for graph in self.bundle.graphs.values()]
        needed = {role for run in self.plans for role in run.facts.roles}
        check(all(roles.count(role) == 1 for role in needed), "the facts of a graph for every pass")
        check(all(graph.flops for graph in self.bundle.graphs.values() if graph.role in needed), "FLOPs of every pass")
        names = [run.facts.name for run in self.plans] + [peer.name for peer in self.peers]
        check(len(set(names)) == len(names), "plans and peers of distinct names")
        check(baseline.is_full and baseline.plan.guided_calls is None, "a first plan of deep calls")
        images = [run.images for run in self.plans] + [peer.images for peer in self.peers]
        check(all(len(each) == rounds for each in images), f"{rounds} images of each plan and peer")
        drawn = [self._parts(image) for run in self.plans for image in run.images]
        check(all(parts & {"deep", "shallow"} for parts in drawn), "the spans of UNet calls in each image")
        check("deep" in self._parts(images[0][0]), "spans of deep calls in the first plan's images")
        check(len(self.yardstick_s) <= rounds, f"at most a yardstick for each of {rounds} rounds")

    def _parts(self, image: ImageRun) -> set[Part]:
        """The parts that took time in an image of ours."""
        parts = self.bundle.parts
        return {parts[span.name] for span in image.spans if span.seconds and span.name in parts}
