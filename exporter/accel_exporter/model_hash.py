"""The hash that names a model by its weights, whatever precision and form they are exported in."""

import hashlib

import numpy as np
import torch
from torch import nn


def model_hash(module: nn.Module) -> str:
    """SHA-256 over the parameters of a denoiser as it was loaded, in float32.

    For each parameter, in the order of their names, it is given a line ``NAME SHAPE`` such as ``conv_in.weight
    320x4x3x3``, and then the values as little-endian float32 in C order. So exports of the same weights have the same
    hash in any precision, and a change of any weight changes it.

    Args:
        module: The denoiser, before its weights are converted for an export.

    Returns:
        64 hexadecimal digits.
    """
    total = hashlib.sha256()
    for name, parameter in sorted(module.named_parameters()):
        values = parameter.detach().to(torch.float32).contiguous().numpy()
        total.update(f"{name} {'x'.join(map(str, values.shape))}\n".encode())
        total.update(values.astype(np.dtype("<f4"), copy=False).data)
    return total.hexdigest()
