"""A provider that comes as a plug-in, really registered and run: OpenVINO's, on the CPU."""

from pathlib import Path

import numpy as np
import pytest

from accel_runtime import open_bundle
from accel_runtime.backends import make_backend
from accel_runtime.request import Request

pytest.importorskip("onnxruntime_ep_openvino")
# The plug-in computes in bfloat16 where the processor has it, whatever is asked for. Seen: 0.025.
BFLOAT16 = 0.1


def test_the_plug_in_draws_the_cpus_picture_and_takes_every_node(bundles: Path) -> None:
    plugged, plain = open_bundle(bundles / "small", make_backend("ort-openvino")), open_bundle(bundles / "small")
    request, plan = Request(("a cat",), seed=3), plain.plan(4, "every:2", scheduler="ddim", forecast="linear")

    found, expected = plugged.generate(request, plan).latents, plain.generate(request, plan).latents

    assert np.abs(found - expected).max() <= BFLOAT16 * np.abs(expected).max()
    ran = plugged.describe()
    assert (ran.provider, ran.options["plugin"]) == ("OpenVINOExecutionProvider", "onnxruntime_ep_openvino")
    assert ran.placement
    assert not any(placement.on_host for placement in ran.placement.values())
