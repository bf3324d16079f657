"""Peers in real processes draw what ours draws."""

import os
import time
from pathlib import Path

from tests.bench.peers.drawing import STEPS, difference, ours, small_work

from accel_bench.peers import Residence, open_peers
from accel_runtime import Pipeline, open_bundle

STAY = Residence.STAY


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_diffusers_draws_our_pictures_says_what_it_spent_and_then_rests(
    pipeline: Pipeline, source_folder: Path
) -> None:
    work = small_work(pipeline, source_folder, images_per_prompt=2, height=24)
    with open_peers(["diffusers"], work, residence=STAY) as (peer,):
        warm_up_s = peer.warm_up()
        drawn = peer.draw()
        assert peer.pid is not None
        time.sleep(0.2)
        before = processor_seconds(peer.pid)
        time.sleep(1.0)
        rested = processor_seconds(peer.pid) - before
    record = peer.record([drawn.run], warm_up_s=warm_up_s, picture=None)

    assert difference(drawn.images, ours(pipeline, images_per_prompt=2, height=24)) <= 1
    assert rested <= 0.05
    assert [span.name for span in drawn.run.spans].count("unet") == record.calls == STEPS
    assert sum(span.seconds for span in drawn.run.spans) <= drawn.run.seconds
    assert record.versions.keys() == {"torch", "diffusers", "transformers"}
    assert record.settings["threads"] == 1
    assert record.unequal == ()
    assert 0 < record.warm_up_s < record.load_s
    assert record.peak_rss_bytes > 100e6


def test_deepcache_at_interval_2_draws_what_every_2_draws(pipeline: Pipeline, source_folder: Path) -> None:
    with open_peers(["deepcache:2"], small_work(pipeline, source_folder), residence=STAY) as (peer,):
        drawn = peer.draw()
    deep, shallow, *_ = [span.seconds for span in drawn.run.spans if span.name == "unet"]

    assert difference(drawn.images, ours(pipeline, "every:2")) <= 1
    assert difference(drawn.images, ours(pipeline)) > 1
    assert shallow < deep


def test_bare_sessions_draw_our_pictures_and_may_leave_between_rounds(pipeline: Pipeline) -> None:
    work = small_work(pipeline, None, scheduler="pndm")
    with open_peers(["onnxruntime-bare"], work, residence=Residence.RESTART) as (peer,):
        warm_up_s = peer.warm_up()
        assert peer.pid is None
        drawn = [peer.draw(), peer.draw()]
        assert peer.pid is None
    record = peer.record([each.run for each in drawn], warm_up_s=warm_up_s, picture=None)

    assert difference(drawn[1].images, ours(pipeline, scheduler="pndm")) == 0
    assert record.calls == STEPS + 1
    assert record.settings["residence"] == "restart"


def test_bare_sessions_tell_the_precision_that_the_bundle_computes_in(pipeline: Pipeline, half_folder: Path) -> None:
    precisions = []
    for opened in (pipeline, open_bundle(half_folder)):
        with open_peers(["onnxruntime-bare"], small_work(opened, None), residence=STAY) as (peer,):
            drawn = peer.draw()
            precisions.append(peer.record([drawn.run], warm_up_s=0.0, picture=None).settings["dtype"])

        assert difference(drawn.images, ours(opened)) == 0

    assert precisions == ["float32", "float16"]


def test_more_calls_than_ours_are_told(pipeline: Pipeline) -> None:
    with open_peers(["onnxruntime-bare"], small_work(pipeline, None, scheduler="heun"), residence=STAY) as (peer,):
        drawn = peer.draw()
        fewer = peer.record([drawn.run], warm_up_s=0.0, picture=None)
        cut = type(drawn.run)(drawn.run.seconds, drawn.run.spans[:4])
        other = peer.record([cut], warm_up_s=0.0, picture=None)

    assert fewer.unequal == ()
    assert other.unequal == (f"makes {other.calls} UNet calls, ours {2 * STEPS - 1}",)
