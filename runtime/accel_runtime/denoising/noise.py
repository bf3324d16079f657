"""Normal noise equal to ``torch.randn`` on a CPU generator, without torch.

The same seed therefore starts the same image as in diffusers. Three facts of torch 2.13
(aten/native/cpu/DistributionTemplates.h and ATen/core/DistributionsHelper.h) make the stream:

1. The words come from MT19937, seeded with the low 32 bits of the seed.
2. From 16 elements on, single-precision Box-Muller runs on blocks of 16 uniforms of 24 bits: the
   first 8 give radii, the last 8 angles. If the size is no multiple of 16, the *last* 16 elements
   are made anew from 16 further words.
3. Below 16 elements, double-precision Box-Muller makes one pair at a time out of two 53-bit
   uniforms; the second value of a pair waits in the generator for the next small draw.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from accel_runtime.errors import InputError

Noise = npt.NDArray[np.float32]

_BLOCK = 16
_LOWEST_SEED, _HIGHEST_SEED = -(2**63), 2**64 - 1


class TorchGenerator:
    """``torch.Generator("cpu").manual_seed(seed)``, for float32 normal draws.

    Args:
        seed: Seed in torch's range: ``-2**63`` to ``2**64 - 1``; a negative one counts from ``2**64``.

    Raises:
        InputError: The seed is outside that range.
    """

    def __init__(self, seed: int) -> None:
        if not _LOWEST_SEED <= seed <= _HIGHEST_SEED:
            raise InputError(f"a seed is between -2**63 and 2**64 - 1, as torch takes it; got {seed}")
        self.seed = seed
        # RandomState's stream is frozen by numpy's compatibility policy; Generator's is not.
        self._words = np.random.RandomState(seed & 0xFFFFFFFF)
        self._waiting: float | None = None

    def normal(self, shape: Sequence[int]) -> Noise:
        """The next ``torch.randn(shape, generator=self)``: float32, within 2e-6 of torch's.

        Args:
            shape: Shape of the array. The values depend only on its number of elements.
        """
        count = math.prod(shape)
        values = self._blocks(count) if count >= _BLOCK else self._pairs(count)
        return values.reshape(tuple(shape))

    def _blocks(self, count: int) -> Noise:
        whole = count - count % _BLOCK
        # torch draws a word for every element first, those of an unfinished block too.
        uniforms = self._uniforms(count)
        values = np.empty(count, np.float32)
        values[:whole] = _box_muller(uniforms[:whole])
        if whole != count:
            values[-_BLOCK:] = _box_muller(self._uniforms(_BLOCK))
        return values

    def _uniforms(self, count: int) -> Noise:
        words = self._words.randint(0, 2**32, count, dtype=np.uint32)
        return (words & np.uint32(0xFFFFFF)).astype(np.float32) * np.float32(2**-24)

    def _pairs(self, count: int) -> Noise:
        return np.array([self._next_double() for _ in range(count)], np.float32)

    def _next_double(self) -> float:
        if self._waiting is not None:
            value, self._waiting = self._waiting, None
            return value
        angle = 2.0 * math.pi * self._double_uniform()
        radius = math.sqrt(-2.0 * math.log1p(-self._double_uniform()))
        self._waiting = radius * math.sin(angle)
        return radius * math.cos(angle)

    def _double_uniform(self) -> float:
        high, low = (int(word) for word in self._words.randint(0, 2**32, 2, dtype=np.uint32))
        return ((high << 32 | low) & (2**53 - 1)) * 2.0**-53


def stacked_normal(generators: Sequence[TorchGenerator], shape: Sequence[int]) -> Noise:
    """One draw of ``shape`` from each generator, stacked to ``[len(generators), *shape]``.

    Equals diffusers 0.42.1 ``randn_tensor`` with a list of generators.
    """
    return np.stack([generator.normal(shape) for generator in generators])


def _box_muller(uniforms: Noise) -> Noise:
    """Uniforms ``[16 n]`` to normals ``[16 n]``, each block of 16 by itself."""
    radii, angles = uniforms.reshape(-1, 2, _BLOCK // 2).swapaxes(0, 1)
    radius = np.sqrt(np.float32(-2) * np.log(np.float32(1) - radii))
    angle = np.float32(2 * math.pi) * angles
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)
