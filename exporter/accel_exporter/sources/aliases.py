"""Short names for pipelines that are asked for often."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Alias:
    """What a short name stands for.

    Attributes:
        hub_id: The repository with the trained weights; None where the package brings them itself.
        architecture: The shipped configs that random weights are made for.
    """

    hub_id: str | None
    architecture: str


ALIASES: Final[Mapping[str, Alias]] = {
    "sd15": Alias("stable-diffusion-v1-5/stable-diffusion-v1-5", architecture="sd15"),
    "tiny": Alias(None, architecture="tiny"),
}
