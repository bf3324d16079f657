"""Peers that cannot share our environment draw our picture too, where theirs was made."""

from pathlib import Path

import pytest
from tests.bench.peers.drawing import STEPS, difference, ours, small_work

from accel_bench.peers import Residence, open_peers, parse_peer
from accel_bench.peers.environments import where
from accel_exporter import ExportOptions, export_bundle, open_source
from accel_exporter.sources import save_pipeline
from accel_runtime import Pipeline, open_bundle


@pytest.fixture(scope="module", params=["openvino-genai:f32", "optimum"])
def installed(request: pytest.FixtureRequest) -> str:
    """A peer with an environment of its own."""
    kind = parse_peer(request.param).kind
    if where(kind) == "missing":
        pytest.skip(f"no environment: accel peers install {kind.name}")
    return str(request.param)


@pytest.fixture(scope="module")
def weights(installed: str, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001  # else it is for nothing
    """The built-in model: neither exporter takes a pipeline as odd as the other tests' one."""
    folder = tmp_path_factory.mktemp("weights")
    save_pipeline(open_source("tiny"), folder)
    return folder


@pytest.fixture(scope="module")
def builtin(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """The bundle of it."""
    target = tmp_path_factory.mktemp("bundle") / "tiny"
    options = ExportOptions(branches=(0,), max_steps=STEPS, schedulers=("ddim",))
    for _ in export_bundle(open_source(str(weights)), target, options=options):
        pass
    return open_bundle(target)


def test_a_peer_in_its_own_environment_draws_our_picture(installed: str, weights: Path, builtin: Pipeline) -> None:
    with open_peers([installed], small_work(builtin, weights), residence=Residence.STAY) as (peer,):
        drawn = peer.draw()
    record = peer.record([drawn.run], warm_up_s=0.0, picture=None)

    # GenAI cuts pixels where others round them.
    assert difference(drawn.images, ours(builtin)) <= 2
    assert record.calls == STEPS
    assert record.unequal == ()
