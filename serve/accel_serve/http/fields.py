"""The fields of a request, under the names of OpenAI, vLLM-Omni and OpenVINO Model Server."""

from typing import Any, Literal, Self, TypeVar

import msgspec

from accel_serve.http.errors import RefusedError, refused_field
from accel_serve.http.limits import Limits

Format = Literal["png", "webp", "jpeg"]
Body = TypeVar("Body", bound="Generation")


class Generation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/images/generations`. A field that is null has its default.

    Attributes:
        prompt: What to draw.
        model: Name of a bundle that is served; the first one by default.
        n: How many images; image i has the seed `seed + i`.
        size: `WIDTHxHEIGHT`, or `auto` for the model's own.
        response_format: `b64_json`, or `file` for one picture as it is (as in vLLM-Omni). There are no URLs.
        output_format: `png`, `webp` or `jpeg`.
        output_compression: Quality of WebP and JPEG, 0 to 100; WebP of 100 loses nothing.
        stream: Answer with server-sent events.
        partial_images: With `stream`: pictures of each unfinished image, 0 to 3.
        progress: With `stream`: an event after each call too, which OpenAI's own clients do not know.
        user: Whose request it is; without API keys, users of one address take turns.
        quality: Of OpenAI; has no effect.
        style: As `quality`.
        background: As `quality`.
        moderation: As `quality`.
        negative_prompt: What not to draw.
        num_inference_steps: Denoising steps.
        guidance_scale: Of classifier-free guidance; 1 or less turns it off.
        seed: Seed of the first image; a random one by default, which the answer tells.
        rng_seed: The same, as OpenVINO Model Server calls it.
        scheduler: A scheduler of the bundle, by short name or by its class in diffusers.
        plan: A plan of the bundle by name, or `full`, `every:3`, `calls:0,3,7`.
        priority: Lower goes first, as in vLLM; -10 to 10.
        deadline_s: Seconds after which the picture is not wanted any more.
    """

    prompt: str
    model: str | None = None
    n: int | None = None
    size: str | None = None
    response_format: Literal["b64_json", "file"] | None = None
    output_format: Format | None = None
    output_compression: int | None = None
    stream: bool | None = None
    partial_images: int | None = None
    progress: bool | None = None
    user: str | None = None
    quality: str | None = None
    style: str | None = None
    background: str | None = None
    moderation: str | None = None
    negative_prompt: str | None = None
    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    seed: int | None = None
    rng_seed: int | None = None
    scheduler: str | None = None
    plan: str | None = None
    priority: int | None = None
    deadline_s: float | None = None

    @property
    def images(self) -> int:
        """How many images."""
        return 1 if self.n is None else self.n

    @property
    def format(self) -> Format:
        """Format of the pictures."""
        return self.output_format or "png"

    @property
    def given_seed(self) -> int | None:
        """The seed, under either name."""
        return self.rng_seed if self.seed is None else self.seed

    def checked(self, limits: Limits) -> Self:
        """The same, if it is within bounds.

        Raises:
            RefusedError: It is not; names the field.
        """
        for name, lowest, highest in (
            ("n", 1, limits.images),
            ("num_inference_steps", 1, limits.steps),
            ("partial_images", 0, 3),
            ("output_compression", 0, 100),
            ("priority", -10, 10),
        ):
            value = getattr(self, name)
            if value is not None and not lowest <= value <= highest:
                raise RefusedError(f"{name}: expected {lowest} to {highest}, got {value}", param=name)
        for name in ("prompt", "negative_prompt"):
            text = getattr(self, name)
            if text is not None and len(text) > limits.prompt_characters:
                most = f"expected at most {limits.prompt_characters} characters"
                raise RefusedError(f"{name}: {most}, got {len(text)}", param=name)
        if self.response_format == "file" and (self.images > 1 or self.stream):
            raise RefusedError("response_format: file is for one image that is not streamed", param="response_format")
        return self

    def sides(self) -> tuple[int, int] | None:
        """Width and height; None for the model's own.

        Raises:
            RefusedError: The text is no size.
        """
        if self.size in (None, "auto"):
            return None
        parts = str(self.size).split("x")
        if len(parts) != 2 or not all(part.isascii() and part.isdigit() and len(part) < 6 for part in parts):
            raise RefusedError(f"size: expected WIDTHxHEIGHT, such as 512x512, got {self.size!r}", param="size")
        return int(parts[0]), int(parts[1])


class Edit(Generation, frozen=True, forbid_unknown_fields=True):
    """The fields of `POST /v1/images/edits` beside its pictures; text fields of a form are read as JSON's.

    Attributes:
        strength: How much of the picture to change, up to 1; by default 0.8, and with a mask 1, as in diffusers.
        input_fidelity: Of OpenAI; has no effect.
    """

    strength: float | None = None
    input_fidelity: str | None = None


def parse_json(body: bytes, kind: type[Body], *, limits: Limits) -> Body:
    """The fields of a JSON body.

    Raises:
        RefusedError: It is no JSON, or a field is wrong.
    """
    try:
        return msgspec.json.decode(body, type=kind).checked(limits)
    except msgspec.ValidationError as error:
        raise refused_field(error) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RefusedError(f"body: expected JSON: {error}", code="invalid_json") from error


def parse_form(fields: dict[str, Any], kind: type[Body], *, limits: Limits) -> Body:
    """The fields of a form.

    Raises:
        RefusedError: A field is wrong.
    """
    try:
        return msgspec.convert(fields, kind, strict=False).checked(limits)
    except msgspec.ValidationError as error:
        raise refused_field(error) from error
