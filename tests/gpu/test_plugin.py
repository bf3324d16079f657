"""A provider that comes as a plug-in, really registered and run: OpenVINO's, on the CPU."""

from pathlib import Path

import numpy as np
import pytest

from accel_runtime import open_bundle
from accel_runtime.backends import make_backend
from accel_runtime.errors import BackendError
from accel_runtime.request import Request

pytest.importorskip("onnxruntime_ep_openvino")
# It takes a processor of Intel's alone (1.8.1), however well OpenVINO itself runs on others.
_INTEL = "GenuineIntel" in Path("/proc/cpuinfo").read_text()
# The plug-in computes in bfloat16 where the processor has it, whatever is asked for. Seen: 0.025.
BFLOAT16 = 0.1


@pytest.mark.skipif(not _INTEL, reason="OpenVINO's plug-in takes no processor but Intel's")
def test_the_plug_in_draws_the_cpus_picture_and_takes_every_node(bundles: Path) -> None:
    plugged, plain = open_bundle(bundles / "small", make_backend("ort-openvino")), open_bundle(bundles / "small")
    request, plan = Request(("a cat",), seed=3), plain.plan(4, "every:2", scheduler="ddim", forecast="linear")

    found, expected = plugged.generate(request, plan).latents, plain.generate(request, plan).latents

    assert np.abs(found - expected).max() <= BFLOAT16 * np.abs(expected).max()
    ran = plugged.describe()
    assert (ran.provider, ran.options["plugin"]) == ("OpenVINOExecutionProvider", "onnxruntime_ep_openvino")
    assert ran.placement
    assert not any(placement.on_host for placement in ran.placement.values())


@pytest.mark.skipif(_INTEL, reason="the plug-in takes this processor")
def test_a_plug_in_that_takes_no_device_here_is_named(bundles: Path) -> None:
    with pytest.raises(BackendError, match="plug-in onnxruntime_ep_openvino finds no device of OpenVINOExecution"):
        open_bundle(bundles / "small", make_backend("ort-openvino"))
