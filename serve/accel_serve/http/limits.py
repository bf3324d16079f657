"""What a client may ask for, and how long it may take to say it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a service.

    Attributes:
        body_bytes: Of a JSON body.
        upload_bytes: Of a body with pictures.
        body_s: Seconds in which a body must have come.
        prompt_characters: Of the prompt, and of the negative one.
        images: Of one request (`n`).
        steps: Denoising steps.
        pixels: Of one image; None takes four times those of the model's own size.
    """

    body_bytes: int = 1 << 20
    upload_bytes: int = 20 << 20
    body_s: float = 30.0
    prompt_characters: int = 4000
    images: int = 10
    steps: int = 100
    pixels: int | None = None
