"""CLIP score: how well a picture fits a caption, by a CLIP checkpoint that the caller has on disk.

transformers reads the checkpoint, and each of its failures becomes one of our errors.
"""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from transformers import CLIPModel, CLIPProcessor
from transformers.utils import logging as transformers_logging

from accel_runtime.bundle.bundle import describe_file
from accel_runtime.errors import InputError, first_line

# In the order in which transformers looks for them.
_WEIGHTS: Final = ("model.safetensors", "pytorch_model.bin")
# Files of the tokenizer and of the image processor; each may have one of two forms.
_FORMS: Final = (
    (("tokenizer.json",), ("vocab.json", "merges.txt")),
    (("preprocessor_config.json",), ("processor_config.json",)),
)
_BATCH: Final = 16  # bounds memory; the result does not depend on it

_Schema = TypeVar("_Schema")


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """The scorer. It computes in float32 on the CPU, whatever device made the pictures.

    Attributes:
        model: The image tower and the text tower.
        processor: Scales and crops pictures with Pillow, and splits captions into tokens.
        versions: Version of transformers, and the SHA-256 of each file of weights.
    """

    model: CLIPModel
    processor: CLIPProcessor
    versions: dict[str, str]

    @classmethod
    def open(cls, folder: Path) -> "Clip":
        """Load the checkpoint in ``folder``, as transformers saves it; nothing is downloaded.

        Raises:
            InputError: The checkpoint is missing, incomplete or not a CLIP model.
        """
        model, processor = load_clip(folder)
        return cls(model, processor, checkpoint_versions(folder))

    def scores(self, images: NDArray[np.uint8], captions: Sequence[str]) -> NDArray[np.float32]:
        """Return 100 × the cosine between each picture and its own caption. Shape: [N].

        The mean of these scores is torchmetrics' `CLIPScore`, which sets a negative mean to 0. CLIPScore of Hessel et
        al. (arXiv:2104.08718) is different: 2.5 · max(cosine, 0), with a prefix before each caption. A caption that is
        too long for the text tower is cut before its end token; torchmetrics cuts the end token too.

        Args:
            images: Shape: [N, H, W, 3].
            captions: N captions.
        """
        if len(images) != len(captions) or not captions:
            raise InputError(f"CLIP: expected one caption per image, got {len(captions)} for {len(images)}")
        return np.concatenate(list(self._score_batches(images, captions)))

    @torch.inference_mode()
    def _score_batches(self, images: NDArray[np.uint8], captions: Sequence[str]) -> Iterator[NDArray[np.float32]]:
        text: Any = self.model.config.text_config
        for start in range(0, len(images), _BATCH):
            part = slice(start, start + _BATCH)
            inputs = self.processor(
                images=list(images[part]),
                text=list(captions[part]),
                padding=True,
                truncation=True,
                max_length=text.max_position_embeddings,
                return_tensors="pt",
            )
            found = self.model(**inputs)  # both of unit length
            yield (100 * (found.image_embeds * found.text_embeds).sum(dim=-1)).numpy()


class _Config(msgspec.Struct):
    """The part of `config.json` that is checked here; transformers checks the rest."""

    model_type: str


class _Index(msgspec.Struct):
    """The file of each tensor, for weights in several files."""

    weight_map: dict[str, str]


def load_clip(folder: Path) -> tuple[CLIPModel, CLIPProcessor]:
    """Load the model (float32, evaluation mode) and the processor from ``folder``; nothing is downloaded.

    Raises:
        InputError: The checkpoint is missing, incomplete or not a CLIP model.
    """
    _check_files(folder)
    with _reading(folder):
        # Their class methods are not annotated.
        loader: Any = CLIPModel
        model, report = loader.from_pretrained(
            folder,
            dtype=torch.float32,
            local_files_only=True,
            ignore_mismatched_sizes=True,  # `_check_parts` refuses them by name
            output_loading_info=True,
        )
        # Pillow is always installed; torchvision, which transformers prefers, scales a little differently.
        processor = CLIPProcessor.from_pretrained(folder, local_files_only=True, backend="pil")
    _check_parts(folder, model, processor=processor, report=report)
    return model, processor


def checkpoint_versions(folder: Path) -> dict[str, str]:
    """Return what scores of this checkpoint depend on: transformers' version, and the SHA-256 of each weights file."""
    weights = {f"clip/{path.name}": describe_file(path).sha256 for path in _weight_files(folder)}
    return {"transformers": version("transformers")} | weights


def _check_files(folder: Path) -> None:
    if not folder.is_dir():
        raise InputError(f"{folder}: expected a folder with a CLIP model, such as `hf download --local-dir` makes")
    kind = _read(folder / "config.json", _Config).model_type
    if kind != "clip":
        raise InputError(f"{folder / 'config.json'}: expected model_type 'clip', got '{kind}'")
    # Without a tokenizer, transformers makes an empty one, to which every caption is the same.
    for forms in _FORMS:
        if not any(all((folder / name).is_file() for name in form) for form in forms):
            raise InputError(
                f"{folder}: missing: a CLIP model needs {' or '.join(' and '.join(form) for form in forms)}"
            )
    for path in _weight_files(folder):
        if not path.is_file():
            raise InputError(f"{path}: missing: a CLIP model needs all of its weights")


def _weight_files(folder: Path) -> list[Path]:
    """The files that transformers reads weights from; where there are none, the first one that it looks for."""
    for name in _WEIGHTS:
        index = folder / f"{name}.index.json"
        if (folder / name).is_file():
            return [folder / name]
        if index.is_file():
            return [folder / shard for shard in sorted(set(_read(index, _Index).weight_map.values()))]
    return [folder / _WEIGHTS[0]]


def _check_parts(folder: Path, model: CLIPModel, *, processor: CLIPProcessor, report: dict[str, Any]) -> None:
    """Refuse what transformers accepts: missing weights, which it fills at random, and another model's tokenizer."""
    wrong = sorted(report["missing_keys"] | {name for name, *_ in report["mismatched_keys"]})
    if wrong:
        raise InputError(
            f"{folder}: {len(wrong)} tensors that config.json asks for are missing or of another shape, "
            f"such as '{wrong[0]}'"
        )
    text: Any = model.config.text_config
    tokens, rows = len(processor.tokenizer), text.vocab_size
    if tokens > rows:
        raise InputError(f"{folder}: expected a tokenizer of at most the model's {rows} tokens, got {tokens}")


def _read(path: Path, schema: type[_Schema]) -> _Schema:
    try:
        return msgspec.json.decode(path.read_bytes(), type=schema)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}: expected a CLIP model's folder") from error


@contextmanager
def _reading(folder: Path) -> Iterator[None]:
    """Mute transformers, and turn what it raises for a broken folder into one line."""
    library: Any = transformers_logging  # half annotated
    level, bars = library.get_verbosity(), library.is_progress_bar_enabled()
    library.set_verbosity(logging.CRITICAL)
    library.disable_progress_bar()
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    # It raises OSError, ValueError, KeyError, RuntimeError and what safetensors, tokenizers and pickle raise.
    except Exception as error:
        raise InputError(f"{folder}: transformers cannot load it: {first_line(error)}") from error
    finally:
        library.set_verbosity(level)
        if bars:
            library.enable_progress_bar()
