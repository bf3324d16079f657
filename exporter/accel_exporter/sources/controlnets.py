"""ControlNets beside a pipeline: folders of their own, or parts of a folder that was saved with them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from diffusers import ControlNetModel

from accel_exporter.base_config import base_config, file_config
from accel_exporter.sources import load
from accel_exporter.sources.common import check_files, content_digest, folder_listing, read_object
from accel_exporter.sources.configs import read_controlnet_config
from accel_exporter.sources.selection import WeightFiles, part_weights
from accel_exporter.sources.source import ControlNetPart, Source
from accel_exporter.sources.wrapped import WrappedSource
from accel_runtime.errors import SourceError
from accel_runtime.manifest import Adaptation
from accel_runtime.plans.spec import PlanSpec

CONTROLNET: Final = "controlnet"
_CONFIG: Final = "config.json"
# By a pipeline's class, that of the same pipeline with ControlNets.
_CONTROLLED: Final[Mapping[str, str]] = {
    "StableDiffusionPipeline": "StableDiffusionControlNetPipeline",
    "StableDiffusionImg2ImgPipeline": "StableDiffusionControlNetPipeline",
    "StableDiffusionXLPipeline": "StableDiffusionXLControlNetPipeline",
    "StableDiffusionXLImg2ImgPipeline": "StableDiffusionXLControlNetPipeline",
}


@dataclass(frozen=True, slots=True)
class ControlNetFolder:
    """A folder that ``save_pretrained`` of a ControlNet made; implements `ControlNetPart`.

    Attributes:
        parent: Where it lies.
        name: Its name there.
        weights: Its weights, relative to ``parent``.
    """

    parent: Path
    name: str
    weights: WeightFiles

    @property
    def config(self) -> Mapping[str, Any]:
        """Defaults filled in."""
        return read_controlnet_config(self.parent, self.name)

    @property
    def digest(self) -> str:
        """The hash of config and weights, whatever the folder is called."""
        files = [Path(file).name for file in self.weights.files]
        return content_digest(self.parent / self.name, [_CONFIG, *files], seed=None)

    def load(self) -> ControlNetModel:
        """Read it from its weights files."""
        return load.load_controlnet(self.parent, self.weights, part=self.name)


@dataclass(frozen=True, slots=True)
class ControlledSource(WrappedSource):
    """A pipeline with ControlNets of other folders; implements `Source`. The rest is the pipeline's own."""

    controlnets: tuple[ControlNetPart, ...]

    @property
    def model_index(self) -> Mapping[str, Any]:
        """The pipeline's, of the class that has ControlNets."""
        kind = _CONTROLLED[self.own.model_index["_class_name"]]
        return {**self.own.model_index, "_class_name": kind, CONTROLNET: ["diffusers", ControlNetModel.__name__]}

    @property
    def scheduler_config(self) -> Mapping[str, Any]:
        """The pipeline's, with what that class does to it: nothing."""
        return base_config(file_config(self.own.scheduler_config), self.model_index["_class_name"])

    @property
    def adaptations(self) -> tuple[Adaptation, ...]:
        """The pipeline's."""
        return self.own.adaptations

    @property
    def clip_skip(self) -> int:
        """The pipeline's."""
        return self.own.clip_skip

    @property
    def plans(self) -> Mapping[str, PlanSpec]:
        """Plans that were solved without ControlNets are none for this model."""
        return {}

    @property
    def digest(self) -> str:
        """The hash of the pipeline's and of theirs."""
        return hashlib.sha256(repr([self.own.digest, *(each.digest for each in self.controlnets)]).encode()).hexdigest()


def controlled(own: Source, folders: Sequence[Path], *, variant: str | None = None) -> Source:
    """A pipeline with the ControlNets of some folders; no weights are read yet.

    Args:
        own: The pipeline.
        folders: One for each ControlNet, in the order of their control images.
        variant: The weights variant to prefer.

    Raises:
        SourceError: A folder holds no ControlNet, or diffusers has no such pipeline with ControlNets.
    """
    if not folders:
        return own
    if own.model_index["_class_name"] not in _CONTROLLED:
        expected = " or ".join(_CONTROLLED)
        raise SourceError(f"--controlnet: expected {expected} to add it to, got {own.model_index['_class_name']}")
    return ControlledSource(own, tuple(open_controlnet(folder, variant=variant) for folder in folders))


def open_controlnet(folder: Path, *, variant: str | None) -> ControlNetFolder:
    """Return the ControlNet in ``folder``; no weights are read yet.

    Raises:
        SourceError: There is no such folder, or it is no whole ControlNet.
    """
    if not folder.is_dir():
        raise SourceError(f"'{folder}' is not a folder: expected one with a ControlNet's {_CONFIG} and weights")
    parent, name = folder.resolve().parent, folder.resolve().name
    names = {f"{name}/{path.name}" for path in folder.iterdir()}
    if f"{name}/{_CONFIG}" not in names:
        raise SourceError(f"'{folder}' is not a ControlNet's folder: it has no {_CONFIG}")
    saved = read_object(parent, f"{name}/{_CONFIG}").get("_class_name")
    if saved != ControlNetModel.__name__:
        raise SourceError(f"{folder}/{_CONFIG}: expected a {ControlNetModel.__name__}, got {saved!r}")
    weights = part_weights(names, name, variant=variant)
    check_files(parent, weights.files)
    return ControlNetFolder(parent, name, weights)


def own_controlnets(folder: Path, index: Mapping[str, Any]) -> tuple[Path, ...]:
    """The folders of those that a pipeline was saved with: ``controlnet``, ``controlnet_1`` and so on.

    Args:
        folder: The pipeline's.
        index: Its ``model_index.json``, checked.
    """
    if CONTROLNET not in index or index[CONTROLNET] == [None, None]:
        return ()
    inside = {name.partition("/")[0] for name in folder_listing(folder)}
    numbers = sorted(int(name.rpartition("_")[2]) for name in inside if name.startswith(f"{CONTROLNET}_"))
    return (folder / CONTROLNET, *(folder / f"{CONTROLNET}_{number}" for number in numbers))
