"""The emoji-clip score: how well a picture fits a caption.

The scorer is one ONNX graph with two small towers, trained contrastively (arXiv:2103.00020) on the built-in model's
own pictures. It knows only emoji on plain backgrounds, so it is reported as ``emoji-clip``, never as CLIP.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from accel_bench.quality.captions import EMOJI_CLIP, TOKENIZER, data_file
from accel_runtime.base.reading import read_document
from accel_runtime.errors import InputError, MissingExtraError, first_line
from accel_runtime.manifest import TextSpec
from accel_runtime.text.clip_tokenizer import read_tokenizer
from accel_runtime.text.tokens import PromptTokenizer

_SIDE: Final = 64  # pixels
_TOKENS: Final = 24  # per caption, including the start and end tokens
_BATCH: Final = 64
_INPUTS: Final = {"pixels": "tensor(uint8)", "token_ids": "tensor(int64)"}
_OUTPUTS: Final = {"image_embedding": "tensor(float)", "text_embedding": "tensor(float)"}


@dataclass(frozen=True, slots=True, eq=False)
class EmojiClip:
    """The scorer. It runs on the CPU, whatever device made the pictures.

    Attributes:
        session: ONNX Runtime session of its graph.
        tokenizer: The scorer's own tokenizer; it cuts captions to 24 tokens.
    """

    session: Any
    tokenizer: PromptTokenizer

    @classmethod
    def open(cls, folder: Path | None = None) -> "EmojiClip":
        """Open the scorer in ``folder``; by default, the built-in one.

        Raises:
            InputError: A file is missing, or is not what its name says.
            MissingExtraError: ONNX Runtime is not installed.
        """
        graph, tokenizer = data_file(EMOJI_CLIP, folder), data_file(TOKENIZER, folder)
        return cls(_open_session(graph), _open_tokenizer(tokenizer))

    def scores(self, images: NDArray[np.uint8], captions: Sequence[str]) -> NDArray[np.float32]:
        """Return 100 × the cosine between each picture and its own caption. Shape: [N].

        Args:
            images: Shape: [N, H, W, 3]; other sizes than 64×64 are scaled to 64×64.
            captions: N captions.
        """
        image, text = self._embed(images, captions)
        cosines: NDArray[np.float32] = np.einsum("nd,nd->n", image, text)
        return np.float32(100) * cosines

    def matrix(self, images: NDArray[np.uint8], captions: Sequence[str]) -> NDArray[np.float32]:
        """Return 100 × the cosine between every picture (row) and every caption (column). Shape: [N, N].

        The diagonal is `scores`; the other values say what another picture's caption would score.
        """
        image, text = self._embed(images, captions)
        cosines: NDArray[np.float32] = image @ text.T
        return np.float32(100) * cosines

    def _embed(
        self, images: NDArray[np.uint8], captions: Sequence[str]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return unit vectors of pictures and captions. Shapes: [N, D]."""
        if len(images) != len(captions) or not captions:
            raise InputError(f"emoji-clip: expected one caption per image, got {len(captions)} for {len(images)}")
        parts = list(self._embed_batches(fit(images), np.stack([self.tokenizer.encode(text).ids for text in captions])))
        return np.concatenate([image for image, _ in parts]), np.concatenate([text for _, text in parts])

    def _embed_batches(self, pixels: NDArray[np.uint8], token_ids: NDArray[np.int64]) -> Iterator[Any]:
        for start in range(0, len(pixels), _BATCH):
            part = slice(start, start + _BATCH)
            yield self.session.run(list(_OUTPUTS), {"pixels": pixels[part], "token_ids": token_ids[part]})


def fit(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Scale pictures to 64×64 pixels bicubically, as CLIP's own preprocessing does.

    Args:
        images: Shape: [N, H, W, 3].
    """
    if images.shape[1:3] == (_SIDE, _SIDE):
        return images
    scaled = [Image.fromarray(image).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC) for image in images]
    return np.stack([np.asarray(image) for image in scaled])


def _open_session(path: Path) -> Any:
    try:
        import onnxruntime  # noqa: PLC0415  # an extra, imported only where it is used
    except ModuleNotFoundError:
        raise MissingExtraError("onnxruntime", extra="cpu") from None
    try:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    # ONNX Runtime raises a dozen unrelated types, among them bare RuntimeError.
    except Exception as error:
        raise InputError(f"{path}: ONNX Runtime cannot load it: {first_line(error)}") from error
    for expected, tensors in ((_INPUTS, session.get_inputs()), (_OUTPUTS, session.get_outputs())):
        found = {tensor.name: tensor.type for tensor in tensors}
        if found != expected:
            raise InputError(f"{path}: not an emoji-clip: expected {_listed(expected)}, got {_listed(found)}")
    return session


def _listed(tensors: dict[str, str]) -> str:
    return ", ".join(f"{name} {type_}" for name, type_ in tensors.items())


def _open_tokenizer(path: Path) -> PromptTokenizer:
    tokenizer = read_tokenizer(read_document(path, error=InputError), path, error=InputError)
    end = tokenizer.encode("").ids[-1]
    return PromptTokenizer(tokenizer, TextSpec(tokenizer=path.name, table=None, max_length=_TOKENS, pad_id=end))
