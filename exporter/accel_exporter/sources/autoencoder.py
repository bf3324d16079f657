"""An autoencoder in place of a pipeline's own: a folder as diffusers saves it, or a file in the original layout."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from diffusers import AutoencoderKL

from accel_exporter.sources import load
from accel_exporter.sources.common import check_files, content_digest
from accel_exporter.sources.configs import read_vae_config
from accel_exporter.sources.original_layout import converted, empty_model, fill, names_of
from accel_exporter.sources.selection import WeightFiles, part_weights
from accel_exporter.sources.source import Autoencoder, ModelPart
from accel_exporter.sources.tensor_file import TensorFile, open_tensors
from accel_runtime.bundle.bundle import describe_file
from accel_runtime.errors import SourceError

_CONFIG: Final = "config.json"


# An autoencoder beside a pipeline; its config has the class under `_class_name`.
OtherVae: TypeAlias = ModelPart[Autoencoder]


@dataclass(frozen=True, slots=True)
class VaeFolder:
    """A folder with ``config.json`` and weights; implements `OtherVae`."""

    folder: Path
    weights: WeightFiles
    config: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def digest(self) -> str:
        """The hash of config and weights."""
        return content_digest(self.folder.parent, (f"{self.name}/{_CONFIG}", *self.weights.files), seed=None)

    def load(self) -> Autoencoder:
        """Read it with diffusers."""
        return load.load_vae(self.folder.parent, self.weights, part=self.name)


@dataclass(frozen=True, slots=True)
class VaeFile:
    """A file in the original layout, of the same architecture as the pipeline's own; implements `OtherVae`."""

    file: TensorFile
    config: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The file's name."""
        return self.file.name

    @property
    def digest(self) -> str:
        """The file's hash."""
        return describe_file(self.file.path).sha256

    def load(self) -> Autoencoder:
        """Read its tensors."""
        model = empty_model(AutoencoderKL, self.config)
        tensors = self.file.read(_vae_names(self.file.shapes()))
        vae: Autoencoder = fill(model, converted("vae", tensors, model=model, file=self.name))
        return vae

    def check(self) -> None:
        """Compare the file's shapes with the config.

        Raises:
            SourceError: They differ.
        """
        shapes = self.file.shapes()
        tensors = {name: shapes[name] for name in _vae_names(shapes)}
        converted("vae", tensors, model=empty_model(AutoencoderKL, self.config), file=self.name)


def open_vae(path: Path, own: Mapping[str, Any], *, variant: str | None) -> OtherVae:
    """The autoencoder at ``path``; no weights are read yet.

    Args:
        path: A folder with a config and weights, or a file in the original layout.
        own: Config of the autoencoder whose place it takes: a file has none.
        variant: The weights variant to prefer in a folder.

    Raises:
        SourceError: There is no autoencoder that can be exported.
    """
    if path.is_dir():
        return _open_folder(path.resolve(), variant=variant)
    file = VaeFile(open_tensors(path, what="the folder of an autoencoder, or a file of one"), own)
    if own["_class_name"] != AutoencoderKL.__name__:
        raise SourceError(f"{file.name}: the pipeline's own is an {own['_class_name']}: name a folder with a config")
    file.check()
    return file


def _open_folder(folder: Path, *, variant: str | None) -> VaeFolder:
    if not (folder / _CONFIG).is_file():
        raise SourceError(
            f"--vae '{folder.name}' has no {_CONFIG}: expected the folder of an autoencoder, such as …/vae"
        )
    names = {f"{folder.name}/{path.name}" for path in folder.iterdir()}
    config = read_vae_config(folder.parent, folder.name)
    weights = part_weights(names, folder.name, variant=variant)
    check_files(folder.parent, weights.files)
    return VaeFolder(folder, weights, config)


def _vae_names(names: Mapping[str, Any]) -> tuple[str, ...]:
    """An autoencoder alone has no prefix."""
    return names_of("vae", names) or tuple(names)
