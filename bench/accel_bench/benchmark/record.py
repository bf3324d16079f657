"""From a finished measurement to its record."""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from accel_bench.peers import PeerContender
from accel_bench.plans.prepare import Settings
from accel_bench.plans.workload import workload_of
from accel_bench.quality.psnr import squared_errors
from accel_bench.records.bench import BenchRecord, Peaks, PeerRun, PlanRun, ProfileUse
from accel_bench.records.environment import Environment, peak_rss_bytes
from accel_bench.records.head import make_head
from accel_bench.records.parts import Doubt
from accel_bench.records.store import seal
from accel_bench.timing.contender import PlanContender
from accel_bench.timing.measure import Measurement


def make_record(
    plans: Sequence[PlanContender],
    measurement: Measurement,
    *,
    environment: Environment,
    settings: Settings,
    profile: ProfileUse | None = None,
    peaks: Peaks | None = None,
    peers: Sequence[PeerRun] = (),
    doubts: Sequence[Doubt] = (),
) -> BenchRecord:
    """The record of plans that share pipeline and request, the baseline first."""
    first = plans[0]
    height, width = measurement.pictures[first.name].shape[1:3]
    workload = workload_of(settings, first.plan.schedule, size=(height, width))
    record = BenchRecord(
        kind="bench",
        format=3,
        **make_head(first.pipeline.bundle, first.pipeline.describe(), workload=workload, environment=environment),
        prompt=first.request.prompts[0],
        profile=profile,
        peaks=peaks,
        load_s=dict(first.spans.loads),
        plans=tuple(_plan_run(plan, measurement, baseline=first) for plan in plans),
        peers=tuple(peers),
        yardstick_s=tuple(measurement.yardstick_s),
        peak_rss_bytes=peak_rss_bytes(),
        doubts=tuple(doubts),
    )
    return seal(record)


def peer_run(peer: PeerContender, measurement: Measurement) -> PeerRun:
    """What a record keeps of a peer."""
    name = peer.name
    return peer.record(
        measurement.runs[name],
        warm_up_s=measurement.warm_up_s[name],
        picture=to_png(measurement.pictures[name][0]),
    )


def _plan_run(contender: PlanContender, measurement: Measurement, *, baseline: PlanContender) -> PlanRun:
    name = contender.name
    pictures, reference = measurement.pictures[name], measurement.pictures[baseline.name]
    return PlanRun(
        facts=contender.facts,
        warm_up_s=measurement.warm_up_s[name],
        images=tuple(measurement.runs[name]),
        picture=to_png(pictures[0]),
        squared_errors=tuple(squared_errors(pictures, reference).tolist()),
    )


def to_png(pixels: NDArray[np.uint8]) -> bytes:
    """Pixels [H, W, 3] as the bytes of a PNG."""
    file = BytesIO()
    Image.fromarray(pixels).save(file, format="PNG", optimize=True)
    return file.getvalue()
