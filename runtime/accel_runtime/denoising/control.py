"""How strong each control image is at a call."""

from collections.abc import Sequence

import numpy as np

from accel_runtime.backends.base import Array
from accel_runtime.request import Control


def control_scales(controls: Sequence[Control], calls: int) -> Array:
    """The scale of each control at each call, zero before its start and after its end. Shape: [calls, N].

    A call counts where all of it lies between start and end, as in `StableDiffusionControlNetPipeline` of diffusers
    0.42.1.
    """
    scales = np.zeros((calls, len(controls)), np.float32)
    for number, control in enumerate(controls):
        for call in range(calls):
            if call / calls >= control.start and (call + 1) / calls <= control.end:
                scales[call, number] = control.scale
    return scales
