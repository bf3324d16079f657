"""Models that take pictures are timed on grey ones, and their graphs' times are told apart."""

from pathlib import Path

import pytest
from tests.bundles import family_bundle
from tests.command import accel

from accel_bench.records.store import read_bench


@pytest.mark.parametrize(("family", "graph"), [("inpaint", "vae_encoder"), ("control", "controlnet_1")])
def test_a_model_that_takes_pictures_is_timed(tmp_path: Path, family: str, graph: str) -> None:
    run = ("--steps", "2", "--scheduler", "ddim", "--rounds", "1", "--plan", "every:2", "-o", "record.json")

    done = accel("bench", "run", family_bundle(family), *run, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    record = read_bench(tmp_path / "record.json")
    assert {graph in [span.name for span in run.images[0].spans] for run in record.plans} == {True}
