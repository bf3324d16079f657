"""A UNet's own folder that is a pipeline: config, weights and the scheduler's config beside each other.

So the oldest models without text lie on the hub, most with a ``model_index.json`` beside them, and so training scripts
leave a UNet and its scheduler.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

from accel_exporter.sources.common import check_files, read_object
from accel_exporter.sources.model_index import MODEL_INDEX, read_model_index
from accel_runtime.errors import SourceError

_UNET: Final = "config.json"
_SCHEDULER: Final = "scheduler_config.json"
_CLASS: Final = "UNet2DModel"


def pipeline_index(folder: Path, names: Collection[str]) -> dict[str, Any]:
    """What ``model_index.json`` says, checked, or would say of a UNet without text that lies there with its scheduler.

    Args:
        folder: The pipeline's.
        names: The files in it.

    Raises:
        SourceError: It is neither, or no pipeline that can be exported.
    """
    if MODEL_INDEX in names:
        check_files(folder, [MODEL_INDEX])
        return read_model_index(folder)
    if _UNET not in names or (saved := _class_name(folder, _UNET)) != _CLASS:
        raise SourceError(f"'{folder}' is not a diffusers folder: it has no {MODEL_INDEX}")
    if _SCHEDULER not in names:
        raise SourceError(f"'{folder}' is the folder of a {saved} alone: expected its {_SCHEDULER} beside it")
    scheduler = _class_name(folder, _SCHEDULER)
    if not isinstance(scheduler, str):
        raise SourceError(f"{_SCHEDULER}: expected '_class_name' with the scheduler's class, got {scheduler!r}")
    return {"_class_name": "DDPMPipeline", "unet": ["diffusers", _CLASS], "scheduler": ["diffusers", scheduler]}


def _class_name(folder: Path, name: str) -> object:
    check_files(folder, [name])
    return read_object(folder, name).get("_class_name")
