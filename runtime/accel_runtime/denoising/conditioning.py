"""What the denoiser is given beside sample and timestep: one function for each source of an input.

`accel_runtime.manifest.Input` says which source an input has.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypedDict, Unpack

import numpy as np

from accel_runtime.backends.base import Array
from accel_runtime.bundle.dims import own_sizes, resolve
from accel_runtime.denoising.control import control_scales
from accel_runtime.denoising.inpainting import NO_MASK, Inpainting
from accel_runtime.errors import InputError
from accel_runtime.manifest import (
    FromControl,
    FromControlScales,
    FromLabels,
    FromMask,
    FromMaskedImage,
    FromSizes,
    FromText,
    Input,
    Manifest,
    TextOutput,
)
from accel_runtime.request import Framing, Request

# diffusers' defaults, of a prompt and of a negative prompt.
_SCORES: Final = (6.0, 2.5)
_NO_FRAMING: Final = Framing()
NO_CONTROLS: Final[Mapping[str, Array]] = {}

# Text encoder's graph and prompt → its outputs by name: [L, D], or [D] where pooled.
Encode = Callable[[str, str], Mapping[str, Array]]


@dataclass(frozen=True, slots=True, eq=False)
class Conditioning:
    """Values by input name, one row per image.

    Attributes:
        prompt: Values of the prompt half.
        negative: Values of the negative half; None where nothing is guided.
        by_call: Values that are the same for all rows and change from call to call: [calls, …]. Later calls have the
            last one.
    """

    prompt: Mapping[str, Array]
    negative: Mapping[str, Array] | None
    by_call: Mapping[str, Array] = field(default_factory=dict)

    def rows(self, name: str) -> Array:
        """All rows of an input: the negative half first, where there is one."""
        if self.negative is None:
            return self.prompt[name]
        return np.concatenate([self.negative[name], self.prompt[name]])


class Told(TypedDict, total=False):
    """What else calls are told of.

    Attributes:
        guidance: Guidance scale for models that take it as an input; see `Plan`.
        calls: How many calls there will be, 1 unless it is said: control images may begin and end in between.
        inpainting: What `start` made of the request's mask, for models that take it.
    """

    guidance: float | None
    calls: int
    inpainting: Inpainting | None


def condition(
    request: Request,
    manifest: Manifest,
    *,
    encode: Encode,
    guided: bool,
    controls: Mapping[str, Array] = NO_CONTROLS,
    **told: Unpack[Told],
) -> Conditioning:
    """The values of all inputs for a request.

    Args:
        request: Its prompts and sizes are used.
        manifest: Says which inputs there are.
        encode: Runs a text encoder.
        guided: Whether some call runs a negative half.
        controls: What `embed_controls` made of the request's control images.
        told: What else the calls are told.

    Raises:
        InputError: The request says what the model does not take, or has too few negative prompts.
    """
    _check(request, manifest, guided=guided)
    given = _Given(request, manifest, encode, controls, told.get("guidance"), told.get("inpainting"))
    inputs = [each for each in manifest.denoiser.inputs if not isinstance(each.source, FromControlScales)]
    scales = [each.name for each in manifest.denoiser.inputs if each not in inputs]
    by_call = dict.fromkeys(scales, control_scales(request.controls, told.get("calls", 1)))
    prompt = {each.name: given.prompt_half(each) for each in inputs}
    if not guided:
        return Conditioning(prompt, None, by_call)
    negative = {each.name: given.negative_half(each, prompt[each.name]) for each in inputs}
    return Conditioning(prompt, negative, by_call)


def text(outputs: Sequence[TextOutput], prompts: Sequence[str], *, encode: Encode) -> Array:
    """Encoded prompts, [B, L, D], or [B, D] where they are pooled; outputs of several encoders are joined."""
    return np.stack([_joined([encode(out.encoder, prompt)[out.tensor] for out in outputs]) for prompt in prompts])


def sizes(source: FromSizes, request: Request, manifest: Manifest) -> Array:
    """SDXL's time ids of the prompt half, [B, 6], or [B, 5] where they end with a score.

    Without `Request.framing` the picture is whole and of the size that is asked for, as in diffusers.
    """
    own = request.size(manifest.state)
    told = request.framing or _NO_FRAMING
    return _time_ids(source, told, request, like=Framing(own, target_size=own, aesthetic_score=_SCORES[0]))


def negative_sizes(source: FromSizes, request: Request, manifest: Manifest) -> Array:
    """The same of the negative half, by the rules of diffusers' pipelines.

    1. What is not said is as in the prompt half. But a refiner's crop is at 0, 0, and it has another score.
    2. With an image to start from, SDXL's crop is that of the prompt half, whatever is said.
    """
    own, told = request.size(manifest.state), request.framing or _NO_FRAMING
    is_scored = source.ends == "aesthetic_score"
    negative = request.negative_framing or (_NO_FRAMING if is_scored else told)
    if request.image is not None and not is_scored:
        negative = replace(negative, crops_coords_top_left=told.crops_coords_top_left)
    like = Framing(told.original_size or own, target_size=told.target_size or own, aesthetic_score=_SCORES[1])
    return _time_ids(source, negative, request, like=like)


def guidance_embedding(scale: float, width: int) -> Array:
    """The guidance scale as distilled UNets take it, [E].

    As `get_guidance_scale_embedding` of diffusers 0.42.1, which computes in float32. Sines of thousands tell every bit
    of their argument, so what float32 rounds is rounded here too, and nothing else.
    """
    half = width // 2
    step = np.float32(np.log(np.float32(10000.0))) / np.float32(half - 1)
    exponents = np.arange(half, dtype=np.float32) * -step
    frequencies = np.exp(exponents.astype(np.float64)).astype(np.float32)
    scaled = (np.float32(scale - 1) * np.float32(1000.0)) * frequencies
    waves = np.concatenate([np.sin(scaled.astype(np.float64)), np.cos(scaled.astype(np.float64))])
    return np.pad(waves, (0, width - 2 * half)).astype(np.float32)


def labels(source: FromLabels, request: Request) -> Array:
    """The class of each image, [B].

    Raises:
        InputError: There is none for each prompt, or no such class.
    """
    given, count = request.class_labels, len(request.prompts)
    if len(given) not in (1, count):
        expected = f"1 or {count}" if count > 1 else "1"
        raise InputError(f"class labels: expected {expected}, one for each prompt, got {len(given)}")
    if wrong := [label for label in given if not 0 <= label < source.classes]:
        raise InputError(f"class label: expected 0 to {source.classes - 1}, got {wrong[0]}")
    spread = given if len(given) == count else given * count
    return np.repeat(np.array(spread, np.float32), request.images_per_prompt)


def _time_ids(source: FromSizes, told: Framing, request: Request, *, like: Framing) -> Array:
    """What is told, and ``like`` for the rest."""
    original, target = told.original_size or like.original_size, told.target_size or like.target_size
    assert original is not None and target is not None  # noqa: S101, PT018 - `like` has them
    score = like.aesthetic_score if told.aesthetic_score is None else told.aesthetic_score
    ends = target if source.ends == "target_size" else (score,)
    return np.tile(np.array((*original, *told.crops_coords_top_left, *ends), np.float32), (request.images, 1))


@dataclass(frozen=True, slots=True, eq=False)
class _Given:
    """A request and what its values are made with."""

    request: Request
    manifest: Manifest
    encode: Encode
    controls: Mapping[str, Array]
    guidance: float | None
    inpainting: Inpainting | None

    def prompt_half(self, each: Input) -> Array:
        source = each.source
        if isinstance(source, FromSizes):
            return sizes(source, self.request, self.manifest)
        if isinstance(source, FromText):
            encoded = text(source.outputs, self.request.prompts, encode=self.encode)
            return np.repeat(encoded, self.request.images_per_prompt, axis=0)
        if isinstance(source, FromLabels):
            return labels(source, self.request)
        if isinstance(source, FromMask | FromMaskedImage):
            return self._masked(source)
        return self._for_all(self.controls[source.graph]) if isinstance(source, FromControl) else self._guidance(each)

    def negative_half(self, each: Input, prompt: Array) -> Array:
        """The same rows without the prompt."""
        if each.negative == "same" or not isinstance(each.source, FromText | FromSizes):
            return prompt
        if isinstance(each.source, FromSizes):
            return negative_sizes(each.source, self.request, self.manifest)
        count, negatives = len(self.request.prompts), self.request.negatives
        spread = negatives if len(negatives) == count else negatives * count
        encoded = text(each.source.negative_outputs or each.source.outputs, spread, encode=self.encode)
        if each.negative == "zeros":
            encoded[[not negative for negative in spread]] = 0
        return np.repeat(encoded, self.request.images_per_prompt, axis=0)

    def _masked(self, source: FromMask | FromMaskedImage) -> Array:
        """The mask, or what the encoder made of the masked image, for every image."""
        values = None
        if self.inpainting is not None:
            values = self.inpainting.mask if isinstance(source, FromMask) else self.inpainting.masked_image
        if values is None:
            raise InputError(NO_MASK)
        return self._for_all(values)

    def _for_all(self, values: Array) -> Array:
        return np.broadcast_to(values, (self.request.images, *values.shape[1:]))

    def _guidance(self, each: Input) -> Array:
        if self.guidance is None:
            raise InputError("guidance: the model takes it as an input: give a number")
        (width,) = resolve(self.manifest.deep.input(each.name).shape[1:], own_sizes(self.manifest))
        return np.tile(guidance_embedding(self.guidance, width), (self.request.images, 1))


def _check(request: Request, manifest: Manifest, *, guided: bool) -> None:
    count, negatives = len(request.prompts), request.negatives
    if len(negatives) not in (1, count):
        raise InputError(f"expected 1 or {count} negative prompts, got {len(negatives)}")
    if not manifest.texts and any((*request.prompts, *negatives)):
        raise InputError("prompt: the model takes none: leave prompts empty")
    if guided and manifest.denoiser.guidance == "none":
        raise InputError("guidance: the model cannot be guided: set it to 1")
    if request.class_labels and not manifest.draws_classes:
        raise InputError("class labels: the model takes none: leave them out")
    _check_framing(request, manifest)


def _check_framing(request: Request, manifest: Manifest) -> None:
    told = [each for each in (request.framing, request.negative_framing) if each is not None]
    taken = [each.source.ends for each in manifest.denoiser.inputs if isinstance(each.source, FromSizes)]
    if told and not taken:
        raise InputError("framing: the model takes no sizes: leave it out")
    if "aesthetic_score" not in taken and any(each.aesthetic_score is not None for each in told):
        raise InputError("framing: the model takes no aesthetic score: leave it out")
    if "target_size" not in taken and any(each.target_size is not None for each in told):
        raise InputError("framing: the model takes an aesthetic score in place of a target size: leave the size out")
    negative = request.negative_framing
    if "target_size" in taken and negative is not None and None in (negative.original_size, negative.target_size):
        raise InputError("negative framing: expected an original and a target size, since diffusers needs both")


def _joined(parts: Sequence[Array]) -> Array:
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)
