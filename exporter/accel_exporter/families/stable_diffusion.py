"""Stable Diffusion 1 and 2, and latent consistency models: one CLIP text encoder, a UNet over latents, and a VAE."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from accel_exporter import names, text_graphs
from accel_exporter.families import latents
from accel_exporter.families.family import Component, Loaded
from accel_exporter.sources import Source
from accel_runtime.manifest import Codec, Denoiser, FromText, Input, TextOutput


@dataclass(frozen=True)
class StableDiffusion(latents.LatentFamily):
    """Implements `Family`.

    Attributes:
        from_pictures: Whether pictures can be started from.
    """

    from_pictures: bool = True

    def tokenizers(self, source: Source) -> Mapping[str, str]:
        """The only one."""
        del source
        return {names.TEXT_ENCODER: "tokenizer"}

    def components(self, source: Source) -> tuple[Component, ...]:
        """The text encoder, the ControlNets' images and the VAE."""

        def text_encoder() -> Loaded:
            model, length = source.load_text_encoder(), latents.prompt_length(source)
            skip = source.clip_skip
            return Loaded(
                model.config.to_dict(), lambda sizes: text_graphs.text_encoder(model, sizes, length=length, skip=skip)
            )

        decoder, encoder = latents.vae_components(source)
        text = Component(names.TEXT_ENCODER, "text encoder", text_encoder)
        vae = (decoder, encoder) if self.from_pictures else (decoder,)
        return (text, *latents.control_components(source), *vae)

    def denoiser(self, source: Source, branches: Sequence[int]) -> Denoiser:
        """A UNet that takes the text encoder's last hidden state, or of a prompt one without the last layers."""
        last = (TextOutput(encoder=names.TEXT_ENCODER, tensor=names.HIDDEN),)
        skipped = (TextOutput(encoder=names.TEXT_ENCODER, tensor=names.SKIPPED),)
        text = FromText(outputs=skipped, negative_outputs=last) if source.clip_skip else FromText(outputs=last)
        return latents.unet_denoiser(source, branches, [Input(name=names.TEXT, source=text, negative="negative")])

    def encoder(self, source: Source) -> Codec | None:
        """The VAE's encoder, where pictures can be started from."""
        return super().encoder(source) if self.from_pictures else None
