"""The parts of a bundle that follow diffusers' folder convention, so that other loaders can read it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tokenizers import Tokenizer
from transformers import CLIPTokenizer

from accel_exporter.base_config import file_config
from accel_exporter.tokenizer_table import tokenizer_table
from accel_runtime.base.arrays import encode_arrays
from accel_runtime.errors import ExportError
from accel_runtime.manifest import TextSpec

# Parts of a bundle, and what a pipeline is told when it is made.
_KEPT: Final = (
    "unet",
    "controlnet",
    "vae",
    "vqvae",
    "text_encoder",
    "text_encoder_2",
    "tokenizer",
    "tokenizer_2",
    "scheduler",
    "force_zeros_for_empty_prompt",
    "requires_aesthetics_score",
)
_TEXTS: Final = frozenset({"text_encoder", "text_encoder_2"})


def write_model_index(folder: Path, model_index: Mapping[str, Any]) -> None:
    """`model_index.json`: the source's, less the optional parts that a bundle does not hold."""
    index = {key: value for key, value in model_index.items() if key.startswith("_") or key in _KEPT}
    # diffusers warns of a part that a pipeline does not know: SDXL's have no safety checker, those without text none.
    left_out = ("feature_extractor", "image_encoder") if _TEXTS & model_index.keys() else ()
    checker = ("safety_checker",) if left_out and "text_encoder_2" not in model_index else ()
    index |= {part: [None, None] for part in (*left_out, *checker)}
    _write_json(folder / "model_index.json", index)


def write_scheduler(folder: Path, config: Mapping[str, Any]) -> None:
    """`scheduler/scheduler_config.json`, as diffusers saves it."""
    _write_json(folder / "scheduler" / "scheduler_config.json", file_config(config))


def write_component_config(folder: Path, component: str, *, config: Mapping[str, Any]) -> None:
    """`config.json` of one component; loaders read sizes and the scaling factor from it.

    Left out is where diffusers loaded it from: a path of one machine, which also would make equal
    exports differ.
    """
    _write_json(folder / component / "config.json", {k: v for k, v in config.items() if k != "_name_or_path"})


def write_tokenizer(folder: Path, tokenizer: CLIPTokenizer, *, part: str) -> TextSpec:
    """A folder for a tokenizer, called ``part``, as transformers saves it; returns what the runtime must know of it."""
    tokenizer.save_pretrained(str(folder / part))
    write_older_tokenizer(folder / part)
    return TextSpec(
        tokenizer=f"{part}/tokenizer.json",
        table=_write_table(folder, part),
        max_length=int(tokenizer.model_max_length),
        pad_id=int(tokenizer.pad_token_id),
    )


def _write_table(folder: Path, part: str) -> str | None:
    """`table.safetensors` of a tokenizer; None for one that is not CLIP's, which only a library can run."""
    file = f"{part}/table.safetensors"
    try:
        arrays, metadata = tokenizer_table(Tokenizer.from_file(str(folder / part / "tokenizer.json")))
    except ExportError:
        return None
    (folder / file).write_bytes(encode_arrays(arrays, metadata))
    return file


def write_older_tokenizer(folder: Path) -> None:
    """`vocab.json` and `merges.txt`: transformers 4, which optimum needs, does not read `tokenizer.json` for CLIP."""
    saved = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    added = {token["content"]: token["id"] for token in saved["added_tokens"]}
    _write_json(folder / "vocab.json", saved["model"]["vocab"] | added)
    merges = (merge if isinstance(merge, str) else " ".join(merge) for merge in saved["model"]["merges"])
    (folder / "merges.txt").write_text("\n".join(("#version: 0.2", *merges, "")), encoding="utf-8")


def _write_json(path: Path, document: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")
