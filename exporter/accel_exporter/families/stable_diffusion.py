"""Stable Diffusion 1 and 2: one CLIP text encoder, a UNet over latents, and a VAE."""

from collections.abc import Mapping, Sequence
from typing import Final

from accel_exporter import graphs, names
from accel_exporter.families.family import Component, Loaded
from accel_exporter.model_hash import model_hash
from accel_exporter.options import StaticSize
from accel_exporter.sizes import ModelSizes
from accel_exporter.sources import Source
from accel_exporter.sources.configs import unet_skeleton
from accel_exporter.sources.fitness import check_fitness
from accel_exporter.unet import branch_count
from accel_runtime.manifest import Codec, Cut, Denoiser, FromText, Input, State, TextOutput


class StableDiffusion:
    """Implements `Family`."""

    tokenizers: Final[Mapping[str, str]] = {names.TEXT_ENCODER: "tokenizer"}

    def check(self, source: Source) -> None:
        """See `check_fitness`."""
        check_fitness(source)

    def branches(self, source: Source) -> int:
        """One for each skip of the UNet."""
        return branch_count(unet_skeleton(source.unet_config))

    def sizes(self, source: Source, static: StaticSize | None) -> ModelSizes:
        """From the configs of UNet and VAE."""
        return ModelSizes.of(source.unet_config, source.vae_config, static=static)

    def components(self, source: Source) -> tuple[Component, ...]:
        """The text encoder, and both halves of the VAE, which is loaded once for each."""

        def text_encoder() -> Loaded:
            model, length = source.load_text_encoder(), int(source.load_tokenizer().model_max_length)
            return Loaded(model.config.to_dict(), lambda sizes: graphs.text_encoder(model, sizes, length=length))

        def vae_decoder() -> Loaded:
            vae = source.load_vae()
            return Loaded(vae.config, lambda sizes: graphs.vae_decoder(vae, sizes))

        def vae_encoder() -> Loaded:
            vae = source.load_vae()
            return Loaded(vae.config, lambda sizes: graphs.vae_encoder(vae, sizes))

        return (
            Component(names.TEXT_ENCODER, "text encoder", text_encoder),
            Component(names.VAE_DECODER, "VAE decoder", vae_decoder, is_codec=True),
            Component(names.VAE_ENCODER, "VAE encoder", vae_encoder, is_codec=True),
        )

    def load_denoiser(self, source: Source, branches: Sequence[int]) -> Loaded:
        """The UNet with its features."""
        unet, length = source.load_unet(), int(source.load_tokenizer().model_max_length)
        return Loaded(
            unet.config,
            lambda sizes: graphs.unet_deep(unet, branches, sizes=sizes, text_length=length),
            model_hash=model_hash(unet),
        )

    def state(self, source: Source, sizes: ModelSizes) -> State:
        """The VAE's latents."""
        return State(
            channels=source.vae_config["latent_channels"],
            scale=sizes.latent_scale,
            sample_size=sizes.sample_size,
            multiple=sizes.size_multiple,
        )

    def denoiser(self, branches: Sequence[int]) -> Denoiser:
        """A UNet that takes the text encoder's last hidden state."""
        text = FromText(outputs=(TextOutput(encoder=names.TEXT_ENCODER, tensor=names.HIDDEN),))
        return Denoiser(
            deep=names.UNET_DEEP,
            shallow={k: Cut(graph=names.unet_shallow(k), feature=names.feature(k)) for k in branches},
            inputs=(Input(name=names.TEXT, source=text, negative="negative"),),
            sample=names.SAMPLE,
            timestep=names.TIMESTEP,
            noise=names.NOISE,
        )

    def encoder(self, source: Source) -> Codec:
        """The VAE's encoder, which gives the moments of latents."""
        return Codec(graph=names.VAE_ENCODER, scale=source.vae_config["scaling_factor"], gives="moments")

    def decoder(self, source: Source) -> Codec:
        """The VAE's decoder."""
        return Codec(graph=names.VAE_DECODER, scale=source.vae_config["scaling_factor"])
