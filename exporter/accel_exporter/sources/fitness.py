"""Whether the parts of a pipeline fit each other and the loop: all that the configs alone can tell.

It is told before the first weight is read, or downloaded. Without it a wrong pair of parts is exported in full, and
refused when somebody draws.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from accel_exporter.sources.controlnet_fitness import controlnet_complaints
from accel_exporter.sources.model_index import MODEL_INDEX, takes_text, text_encoders, tokenizer_of
from accel_exporter.sources.source import Source
from accel_exporter.sources.textless import textless_complaints
from accel_runtime.errors import ExportError

# Inputs of a UNet that no family feeds, by the key that asks for them.
_EXTRA_INPUTS: Final = ("class_embed_type", "encoder_hid_dim", "encoder_hid_dim_type", "num_class_embeds")
_COLOURS: Final = 3
_LATENT_CONSISTENCY: Final = "LatentConsistencyModelPipeline"

Config = Mapping[str, Any]


def check_fitness(source: Source) -> None:
    """Check the configs and the tokenizer of a pipeline against each other; no weights are read.

    Raises:
        ExportError: The first thing that does not fit: key, what was expected, what it is, and why.
        SourceError: A config cannot be read.
    """
    complaints = _complaints if takes_text(source.model_index) else textless_complaints
    for complaint in complaints(source):
        raise ExportError(complaint)


def is_xl(index: Mapping[str, Any]) -> bool:
    """Whether a pipeline of this ``model_index.json`` gives the UNet pooled text and sizes, as SDXL's do."""
    return str(index["_class_name"]).startswith("StableDiffusionXL")


def time_ids(index: Mapping[str, Any]) -> int:
    """How many numbers SDXL's time ids are: two of them are sizes of the target, or one is an aesthetic score."""
    return 5 if index.get("requires_aesthetics_score") else 6


def _complaints(source: Source) -> Iterator[str]:
    unet, vae, index = source.unet_config, source.vae_config, source.model_index
    texts = {part: source.text_config(part) for part in text_encoders(index)}
    yield from _extra_inputs(unet)
    yield from _guidance(unet, index)
    yield from _sizes(unet)
    yield from _latents(unet, vae, is_inpainting=str(index["_class_name"]).endswith("InpaintPipeline"))
    yield from _pictures(vae)
    for net in source.controlnets:
        yield from controlnet_complaints(net.config, unet, vae, name=net.name)
    yield from _text(unet, texts)
    yield from _added(unet, texts, index)
    if is_xl(index) and (vae.get("latents_mean"), vae.get("latents_std")) != (None, None):
        yield "vae: latents_mean and latents_std: expected none: only a scaling factor is exported"
    lengths = []
    for part, text in texts.items():
        tokenizer = source.load_tokenizer(tokenizer_of(part))
        lengths.append(tokenizer.model_max_length)
        yield from _tokens(tokenizer, text, file=f"{tokenizer_of(part)}/tokenizer_config.json")
    if len(set(lengths)) > 1:
        yield f"tokenizer_2: model_max_length: expected {lengths[0]}, the first tokenizer's, got {lengths[1]}"


def _guidance(unet: Config, index: Config) -> Iterator[str]:
    width = unet.get("time_cond_proj_dim")
    if width is None and index["_class_name"] == _LATENT_CONSISTENCY:
        yield f"unet: time_cond_proj_dim: expected a number, as {_LATENT_CONSISTENCY} embeds the guidance, got none"
    if width is not None and not (_is_positive(width) and width >= 4):
        yield f"unet: time_cond_proj_dim: expected a whole number of at least 4, got {width!r}"


def _added(unet: Config, texts: Mapping[str, Config], index: Config) -> Iterator[str]:
    """SDXL's pooled text and sizes, which its UNets add to the timestep's embedding."""
    kind = unet.get("addition_embed_type")
    if not is_xl(index):
        if kind is not None:
            yield f"unet: addition_embed_type = {kind!r} needs inputs that {index['_class_name']} does not feed"
        return
    if kind != "text_time":
        yield f"unet: addition_embed_type: expected 'text_time', as {index['_class_name']} feeds it, got {kind!r}"
        return
    each, pooled = unet.get("addition_time_embed_dim"), texts["text_encoder_2"]["projection_dim"]
    if each is None or not _is_positive(each):
        yield f"unet: addition_time_embed_dim: expected a positive whole number, got {each!r}"
        return
    count, width = time_ids(index), unet.get("projection_class_embeddings_input_dim")
    if width != count * each + pooled:
        whose = f"{count} time ids of {each} and the pooled text's {pooled}"
        yield _unlike("unet: projection_class_embeddings_input_dim", count * each + pooled, width, whose=whose)


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


def _latents(unet: Config, vae: Config, *, is_inpainting: bool) -> Iterator[str]:
    channels, given = vae["latent_channels"], unet["in_channels"]
    if is_inpainting and given not in (channels, 2 * channels + 1):
        whose = "latents, with or without a mask and a masked image"
        yield _unlike("unet: in_channels", f"{channels} or {2 * channels + 1}", given, whose=whose)
    if not is_inpainting and given != channels:
        hint = ": depth and upscaling models take a picture beside the latents, which the runtime does not feed"
        if given == 2 * channels + 1:
            hint = f": an inpainting model's {MODEL_INDEX} names StableDiffusionInpaintPipeline or the one of SDXL"
        yield _unlike("unet: in_channels", channels, given, whose="the VAE's latent_channels") + hint
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


def _text(unet: Config, texts: Mapping[str, Config]) -> Iterator[str]:
    width = sum(text["hidden_size"] for text in texts.values())
    blocks = (unet["mid_block_type"], *unet["down_block_types"], *unet["up_block_types"])
    wanted = unet["cross_attention_dim"]
    widths = wanted if isinstance(wanted, (list, tuple)) else [wanted]
    if any(each != width for each in widths) and any("CrossAttn" in str(block) for block in blocks):
        whose = "the text encoder's hidden_size" if len(texts) == 1 else "the sum of the text encoders' hidden_size"
        yield _unlike("unet: cross_attention_dim", width, wanted, whose=whose)
    for part, text in texts.items():
        if text.get("use_attention_mask"):
            yield f"{part}: use_attention_mask: its graph takes no mask of the padding: only false can be exported"


def _tokens(tokenizer: Any, text: Config, *, file: str) -> Iterator[str]:
    positions, length = text["max_position_embeddings"], tokenizer.model_max_length
    # Without a length transformers says 10^30.
    if not (_is_positive(length) and 2 <= length <= positions):
        yield (
            f"{file}: model_max_length: expected 2 to {positions}, the positions of the text encoder, got "
            f"{'none' if length == int(1e30) else repr(length)}: write {positions}, if it was trained with that"
        )
    if tokenizer.pad_token_id is None:
        yield f"{file}: pad_token: expected the token that fills up short prompts, got none"


def _is_positive(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number > 0


def _unlike(key: str, expected: object, got: object, *, whose: str) -> str:
    return f"{key}: expected {expected}, {whose}, got {got}"
