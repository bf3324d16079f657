"""SDXL, its few-step relatives and its refiner: pooled text and sizes beside the text of one or two encoders."""

from collections.abc import Mapping, Sequence

from accel_exporter import names, text_graphs
from accel_exporter.families import latents
from accel_exporter.families.family import Component, Loaded
from accel_exporter.sources import Source
from accel_exporter.sources.fitness import time_ids
from accel_exporter.sources.model_index import text_encoders, tokenizer_of
from accel_runtime.manifest import Denoiser, FromSizes, FromText, Input, Negative, TextOutput

_TITLES: Mapping[str, str] = {names.TEXT_ENCODER: "text encoder", names.TEXT_ENCODER_2: "second text encoder"}


class StableDiffusionXL(latents.LatentFamily):
    """Implements `Family`."""

    def tokenizers(self, source: Source) -> Mapping[str, str]:
        """One for each text encoder."""
        return {part: tokenizer_of(part) for part in text_encoders(source.model_index)}

    def components(self, source: Source) -> tuple[Component, ...]:
        """The text encoders, the ControlNets' images and the VAE."""
        encoders = (_text_encoder(source, part) for part in text_encoders(source.model_index))
        return (*encoders, *latents.control_components(source), *latents.vae_components(source))

    def denoiser(self, source: Source, branches: Sequence[int]) -> Denoiser:
        """A UNet that takes what the encoders' last layers are given, joined, pooled text, and sizes."""
        index = source.model_index
        skip, encoders = source.clip_skip, text_encoders(index)
        outputs = tuple(_state_before_last(source, part, skip=skip) for part in encoders)
        unskipped = tuple(_state_before_last(source, part) for part in encoders) if skip else ()
        pooled = TextOutput(encoder=names.TEXT_ENCODER_2, tensor=names.PROJECTED)
        # diffusers takes true where the file does not say.
        is_zeroed = index.get("force_zeros_for_empty_prompt", True)
        negative: Negative = "zeros" if is_zeroed else "negative"
        sizes = FromSizes() if time_ids(index) == 6 else FromSizes(ends="aesthetic_score")
        inputs = (
            Input(name=names.TEXT, source=FromText(outputs=outputs, negative_outputs=unskipped), negative=negative),
            Input(name=names.POOLED_TEXT, source=FromText(outputs=(pooled,)), negative=negative),
            Input(name=names.TIME_IDS, source=sizes, negative="negative"),
        )
        return latents.unet_denoiser(source, branches, inputs)


def _text_encoder(source: Source, part: str) -> Component:
    def load() -> Loaded:
        model, length = source.load_text_encoder(part), latents.prompt_length(source)
        return Loaded(
            model.config.to_dict(),
            lambda sizes: text_graphs.layered_text_encoder(model, sizes, name=part, length=length),
        )

    return Component(part, _TITLES[part], load)


def _state_before_last(source: Source, part: str, *, skip: int = 0) -> TextOutput:
    last = source.text_config(part)["num_hidden_layers"] - 1
    return TextOutput(encoder=part, tensor=names.hidden(last - skip))
