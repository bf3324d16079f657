"""From a finished measurement to its record."""

from collections.abc import Sequence
from datetime import UTC, datetime
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from accel_bench.peers import PeerContender
from accel_bench.quality.psnr import squared_errors
from accel_bench.records.bench import BenchRecord, Peaks, PeerRun, PlanRun, ProfileUse
from accel_bench.records.bundle import bundle_facts
from accel_bench.records.environment import Environment, peak_rss_bytes
from accel_bench.records.parts import Doubt, Workload
from accel_bench.records.store import seal
from accel_bench.timing.contender import PlanContender
from accel_bench.timing.measure import Measurement


def make_record(
    plans: Sequence[PlanContender],
    measurement: Measurement,
    *,
    environment: Environment,
    guidance: float,
    profile: ProfileUse | None = None,
    peaks: Peaks | None = None,
    peers: Sequence[PeerRun] = (),
    doubts: Sequence[Doubt] = (),
) -> BenchRecord:
    """The record of plans that share pipeline and request, the baseline first."""
    first = plans[0]
    record = BenchRecord(
        kind="bench",
        format=3,
        id="",
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        environment=environment,
        backend=first.pipeline.describe(),
        bundle=bundle_facts(first.pipeline.bundle),
        workload=_workload(first, measurement, guidance=guidance),
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
    """What is kept of a peer that was measured."""
    name = peer.name
    return peer.record(
        measurement.runs[name],
        warm_up_s=measurement.warm_up_s[name],
        picture=to_png(measurement.pictures[name][0]),
    )


def _workload(contender: PlanContender, measurement: Measurement, *, guidance: float) -> Workload:
    schedule, request = contender.plan.schedule, contender.request
    batch, height, width, _ = measurement.pictures[contender.name].shape
    return Workload(
        scheduler=schedule.scheduler,
        steps=schedule.steps,
        guidance=guidance,
        height=height,
        width=width,
        batch=batch,
        seed=request.seed,
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
