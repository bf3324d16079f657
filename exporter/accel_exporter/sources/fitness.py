"""Whether the parts of a pipeline fit each other and the loop: all that the configs alone can tell.

It is told before the first weight is read, or downloaded. Without it a wrong pair of parts is exported in full, and
refused when somebody draws.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from accel_exporter.sources.source import Source
from accel_runtime.errors import ExportError

# Inputs of a UNet beyond latents, timestep and text, by the key that asks for them.
_EXTRA_INPUTS: Final = (
    "addition_embed_type",
    "class_embed_type",
    "encoder_hid_dim",
    "encoder_hid_dim_type",
    "num_class_embeds",
    "time_cond_proj_dim",
)
_COLOURS: Final = 3
_TOKENIZER: Final = "tokenizer/tokenizer_config.json"

Config = Mapping[str, Any]


def check_fitness(source: Source) -> None:
    """Check the configs and the tokenizer of a pipeline against each other; no weights are read.

    Raises:
        ExportError: The first thing that does not fit: key, what was expected, what it is, and why.
        SourceError: A config cannot be read.
    """
    unet, vae, text = source.unet_config, source.vae_config, source.text_config()
    complaints = (
        *_extra_inputs(unet),
        *_sizes(unet),
        *_latents(unet, vae),
        *_pictures(vae),
        *_text(unet, text),
        *_tokens(source.load_tokenizer(), text),
    )
    for complaint in complaints:
        raise ExportError(complaint)


def _extra_inputs(unet: Config) -> Iterator[str]:
    for key in _EXTRA_INPUTS:
        if unet.get(key) is not None:
            yield f"unet: {key} = {unet[key]!r} needs inputs that the runtime does not feed yet"


def _sizes(unet: Config) -> Iterator[str]:
    size = unet["sample_size"]
    sides = [size, size] if isinstance(size, int) else size
    is_sound = isinstance(sides, (list, tuple)) and len(sides) == 2 and all(map(_is_positive, sides))
    if not is_sound:
        yield f"unet: sample_size: expected a number of latents, or height and width, got {size!r}"


def _latents(unet: Config, vae: Config) -> Iterator[str]:
    channels = vae["latent_channels"]
    hint = ": inpainting, depth and upscaling models take a picture beside the latents, which the runtime does not feed"
    if unet["in_channels"] != channels:
        yield _unlike("unet: in_channels", channels, unet["in_channels"], whose="the VAE's latent_channels") + hint
    if unet["out_channels"] != channels:
        yield _unlike("unet: out_channels", channels, unet["out_channels"], whose="the VAE's latent_channels")


def _pictures(vae: Config) -> Iterator[str]:
    for key in ("in_channels", "out_channels"):
        if vae[key] != _COLOURS:
            yield _unlike(f"vae: {key}", _COLOURS, vae[key], whose="red, green and blue")
    factor = vae["scaling_factor"]
    is_number = isinstance(factor, (int, float)) and not isinstance(factor, bool)
    if not (is_number and math.isfinite(factor) and factor > 0):
        yield f"vae: scaling_factor: expected a positive number, got {factor!r}"


def _text(unet: Config, text: Config) -> Iterator[str]:
    width, blocks = text["hidden_size"], (unet["mid_block_type"], *unet["down_block_types"], *unet["up_block_types"])
    wanted = unet["cross_attention_dim"]
    widths = wanted if isinstance(wanted, (list, tuple)) else [wanted]
    if any(each != width for each in widths) and any("CrossAttn" in str(block) for block in blocks):
        yield _unlike("unet: cross_attention_dim", width, wanted, whose="the text encoder's hidden_size")
    if text.get("use_attention_mask"):
        yield "text_encoder: use_attention_mask: its graph takes no mask of the padding: only false can be exported"


def _tokens(tokenizer: Any, text: Config) -> Iterator[str]:
    positions, length = text["max_position_embeddings"], tokenizer.model_max_length
    # Without a length transformers says 10^30.
    if not (_is_positive(length) and 2 <= length <= positions):
        yield (
            f"{_TOKENIZER}: model_max_length: expected 2 to {positions}, the positions of the text encoder, got "
            f"{'none' if length == int(1e30) else repr(length)}: write {positions}, if it was trained with that"
        )
    if tokenizer.pad_token_id is None:
        yield f"{_TOKENIZER}: pad_token: expected the token that fills up short prompts, got none"


def _is_positive(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number > 0


def _unlike(key: str, expected: object, got: object, *, whose: str) -> str:
    return f"{key}: expected {expected}, {whose}, got {got}"
