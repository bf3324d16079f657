"""Pipelines in the package: architectures, short names, and one trained model.

``plans/NAME.json`` of the trained pipeline are plans that were solved for its weights; a bundle of it brings them.

The trained pipeline is a small model of Stable Diffusion 1.5's block topology. ``docs/model-card.md`` says what it was
trained on and what it can do; ``training/`` trains it again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from accel_exporter.sources.local import FolderSource, open_folder
from accel_exporter.sources.source import Origin
from accel_runtime.base.reading import read_document
from accel_runtime.errors import SourceError
from accel_runtime.plans.file import parse_plan
from accel_runtime.plans.spec import PlanSpec

ARCHITECTURES: Final = Path(__file__).parent / "architectures"
_PLANS: Final = "plans"
_VARIANT: Final = "fp16"  # half the size, and training moves weights by more than the rounding


@dataclass(frozen=True, slots=True)
class Alias:
    """The pipeline of a short name.

    Attributes:
        hub_id: Repository with the trained weights; None where the package contains them.
        architecture: The shipped configs that random weights are made for.
        is_trained: Whether there are weights under this name, and not only an architecture.
    """

    hub_id: str | None
    architecture: str
    is_trained: bool = True


ALIASES: Final[Mapping[str, Alias]] = {
    "sd15": Alias("stable-diffusion-v1-5/stable-diffusion-v1-5", architecture="sd15"),
    "sd15-inpaint": Alias("stable-diffusion-v1-5/stable-diffusion-inpainting", architecture="sd15-inpaint"),
    "sd15-controlnet": Alias(None, architecture="sd15-controlnet", is_trained=False),
    "sd21": Alias("stabilityai/stable-diffusion-2-1", architecture="sd21"),
    "sdxl": Alias("stabilityai/stable-diffusion-xl-base-1.0", architecture="sdxl"),
    "sdxl-refiner": Alias("stabilityai/stable-diffusion-xl-refiner-1.0", architecture="sdxl-refiner"),
    "sdxl-turbo": Alias("stabilityai/sdxl-turbo", architecture="sdxl-turbo"),
    "lcm-sd15": Alias("SimianLuo/LCM_Dreamshaper_v7", architecture="lcm-sd15"),
    "ddpm-cat": Alias("google/ddpm-cat-256", architecture="ddpm-cat"),
    "tiny": Alias(None, architecture="tiny"),
    "scenes": Alias(None, architecture="scenes"),
}


@dataclass(frozen=True, slots=True)
class BuiltinSource(FolderSource):
    """The folder of a trained pipeline in the package."""

    @property
    def plans(self) -> Mapping[str, PlanSpec]:
        """The plans that were solved for it.

        Raises:
            SourceError: The installation's files are damaged.
        """
        paths = sorted((self.folder / _PLANS).glob("*.json"))
        return {
            path.stem: parse_plan(read_document(path, error=SourceError), path, error=SourceError) for path in paths
        }


def open_builtin(architecture: str) -> BuiltinSource:
    """Return the shipped weights of ``architecture``; none are read yet.

    Raises:
        SourceError: The installation lacks the files.
    """
    origin = Origin(architecture, revision=None, weights="trained", seed=None)
    opened = open_folder(ARCHITECTURES / architecture, variant=_VARIANT, origin=origin)
    return BuiltinSource(**{part.name: getattr(opened, part.name) for part in fields(opened)})
