"""What a pipeline's class does to its scheduler's config: Stable Diffusion's correct old values, others do not."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.bundles import family_bundle, family_source
from tests.exporter.families import load_family

from accel_exporter.schedules import compile_for
from accel_exporter.schedules.own import load_own
from accel_exporter.schedules.ship import allowed_difference, difference
from accel_exporter.sources import open_folder
from accel_runtime import open_bundle


@pytest.mark.parametrize(("family", "offset"), [("sdxl", 0), ("refiner", 0), ("lcm", 0), ("sd21", 1)])
def test_an_old_config_is_what_diffusers_pipeline_makes_of_it(tmp_path: Path, family: str, offset: int) -> None:
    folder = tmp_path / "pipe"
    shutil.copytree(family_source(family), folder)
    path = folder / "scheduler/scheduler_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"steps_offset": 0}))

    ours: Any = load_own(open_folder(folder, variant=None).scheduler_config)

    assert ours.config.steps_offset == load_family(folder).scheduler.config.steps_offset == offset


@pytest.mark.parametrize("family", ["sdxl", "lcm"])
def test_a_bundle_keeps_the_config_as_it_was_and_what_it_is_read_with(family: str) -> None:
    bundle = open_bundle(family_bundle(family)).bundle
    read = [
        json.loads((at / "scheduler/scheduler_config.json").read_text())
        for at in (bundle.folder, family_source(family))
    ]

    assert read[0] == read[1]
    assert not any("accel" in key for key in read[0])
    (again,) = compile_for(bundle, "pipeline", steps=(3,)).tables
    kept = open_bundle(bundle.folder).schedule(3)
    assert again.scheduler == kept.scheduler
    assert difference(again, kept) <= allowed_difference()
