"""A stand-in for the built-in model's captions and scorer: small and untrained, yet real files."""

import json
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from accel_exporter.sources.random_weights import byte_tokenizer

VOCABULARY: Final = 520
DIMENSIONS: Final = 8
COLOURS: Final = ("red", "blue", "white")


def write_data(folder: Path) -> None:
    """Write captions, graph and tokenizer to ``folder``."""
    folder.mkdir(exist_ok=True)
    write_captions(folder / "captions.json", count=12)
    write_scorer(folder / "emoji_clip.onnx")
    byte_tokenizer(VOCABULARY, 24).backend_tokenizer.save(str(folder / "tokenizer.json"))


def write_captions(path: Path, count: int) -> None:
    """Write ``count`` captions, every third of them not held out."""
    entries = [
        {"caption": f"o{index} {colour}", "label": f"o{index}", "colour": colour, "held_out": index % 3 != 0}
        for index, colour in ((index, COLOURS[index % 3]) for index in range(count))
    ]
    path.write_text(json.dumps(entries), encoding="utf-8")


def write_scorer(path: Path) -> None:
    """Write two small towers: mean colour times a matrix, and the mean of the tokens' vectors."""
    rng = np.random.default_rng(0)
    weights = {
        "colours": rng.standard_normal((3, DIMENSIONS)),
        "vectors": rng.standard_normal((VOCABULARY, DIMENSIONS)),
    }
    nodes = [
        helper.make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats", "places"], ["colour"], keepdims=0),
        helper.make_node("MatMul", ["colour", "colours"], ["image"]),
        helper.make_node("LpNormalization", ["image"], ["image_embedding"], axis=-1),
        helper.make_node("Gather", ["vectors", "token_ids"], ["words"]),
        helper.make_node("ReduceMean", ["words", "tokens"], ["text"], keepdims=0),
        helper.make_node("LpNormalization", ["text"], ["text_embedding"], axis=-1),
    ]
    graph = helper.make_graph(
        nodes,
        "standin",
        [
            helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["images", 64, 64, 3]),
            helper.make_tensor_value_info("token_ids", TensorProto.INT64, ["captions", 24]),
        ],
        [
            helper.make_tensor_value_info("image_embedding", TensorProto.FLOAT, ["images", DIMENSIONS]),
            helper.make_tensor_value_info("text_embedding", TensorProto.FLOAT, ["captions", DIMENSIONS]),
        ],
        [
            *(numpy_helper.from_array(values.astype(np.float32), name) for name, values in weights.items()),
            numpy_helper.from_array(np.array([1, 2]), "places"),
            numpy_helper.from_array(np.array([1]), "tokens"),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
