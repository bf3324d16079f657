"""What the denoiser is given beside sample and timestep: one function for each source of an input.

`accel_runtime.manifest.Input` says which source an input has.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from accel_runtime.backends.base import Array
from accel_runtime.errors import InputError
from accel_runtime.manifest import FromSizes, FromText, Input, Manifest
from accel_runtime.request import Request

# Text encoder's graph and prompt → its outputs by name: [L, D], or [D] where pooled.
Encode = Callable[[str, str], Mapping[str, Array]]


@dataclass(frozen=True, slots=True, eq=False)
class Conditioning:
    """Values by input name, one row per image.

    Attributes:
        prompt: Values of the prompt half.
        negative: Values of the negative half; None where nothing is guided.
    """

    prompt: Mapping[str, Array]
    negative: Mapping[str, Array] | None

    def rows(self, name: str) -> Array:
        """All rows of an input: the negative half first, where there is one."""
        if self.negative is None:
            return self.prompt[name]
        return np.concatenate([self.negative[name], self.prompt[name]])


def condition(request: Request, manifest: Manifest, *, encode: Encode, guided: bool) -> Conditioning:
    """The values of all inputs for a request.

    Args:
        request: Its prompts and sizes are used.
        manifest: Says which inputs there are.
        encode: Runs a text encoder.
        guided: Whether some call runs a negative half.

    Raises:
        InputError: The request says what the model does not take, or has too few negative prompts.
    """
    _check(request, manifest, guided=guided)
    inputs = manifest.denoiser.inputs
    prompt = {each.name: _prompt_half(each, request, manifest, encode=encode) for each in inputs}
    if not guided:
        return Conditioning(prompt, negative=None)
    halves = {each.name: _negative_half(each, prompt[each.name], request, encode=encode) for each in inputs}
    return Conditioning(prompt, halves)


def text(source: FromText, prompts: Sequence[str], *, encode: Encode) -> Array:
    """Encoded prompts, [B, L, D], or [B, D] where they are pooled; outputs of several encoders are joined."""
    return np.stack(
        [_joined([encode(out.encoder, prompt)[out.tensor] for out in source.outputs]) for prompt in prompts]
    )


def sizes(request: Request, manifest: Manifest) -> Array:
    """SDXL's time ids, [B, 6]: original height and width, crop's top and left, target height and width.

    Without `Request.framing` the picture is whole and of the size that is asked for, as in diffusers.
    """
    own = request.size(manifest.state)
    framing = request.framing
    numbers = (*framing.original, *framing.crop, *framing.target) if framing else (*own, 0, 0, *own)
    return np.tile(np.array(numbers, np.float32), (request.images, 1))


def _check(request: Request, manifest: Manifest, *, guided: bool) -> None:
    count, negatives = len(request.prompts), request.negatives
    if len(negatives) not in (1, count):
        raise InputError(f"expected 1 or {count} negative prompts, got {len(negatives)}")
    if not manifest.texts and any((*request.prompts, *negatives)):
        raise InputError("prompt: the model takes none: leave prompts empty")
    if guided and manifest.denoiser.guidance == "none":
        raise InputError("guidance: the model cannot be guided: set it to 1")
    takes_sizes = any(isinstance(each.source, FromSizes) for each in manifest.denoiser.inputs)
    if request.framing is not None and not takes_sizes:
        raise InputError("framing: the model takes no sizes: leave it out")


def _prompt_half(given: Input, request: Request, manifest: Manifest, *, encode: Encode) -> Array:
    if isinstance(given.source, FromSizes):
        return sizes(request, manifest)
    return np.repeat(text(given.source, request.prompts, encode=encode), request.images_per_prompt, axis=0)


def _negative_half(given: Input, prompt: Array, request: Request, *, encode: Encode) -> Array:
    """The same rows without the prompt."""
    if given.negative == "same" or isinstance(given.source, FromSizes):
        return prompt
    count, negatives = len(request.prompts), request.negatives
    spread = negatives if len(negatives) == count else negatives * count
    encoded = text(given.source, spread, encode=encode)
    if given.negative == "zeros":
        encoded[[not each for each in spread]] = 0
    return np.repeat(encoded, request.images_per_prompt, axis=0)


def _joined(parts: Sequence[Array]) -> Array:
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)
