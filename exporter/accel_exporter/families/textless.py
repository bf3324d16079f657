"""Pipelines that take no text: a UNet over pixels, or over the latents of an autoencoder with a codebook."""

from collections.abc import Mapping, Sequence

from accel_exporter import names
from accel_exporter.families.family import Component, Loaded
from accel_exporter.model_hash import model_hash
from accel_exporter.options import ExportOptions
from accel_exporter.sizes import ModelSizes, codec_scale, own_size
from accel_exporter.sources import Source
from accel_exporter.sources.configs import unet_2d_skeleton
from accel_exporter.sources.fitness import check_fitness
from accel_exporter.textless import textless_deep, vqvae_decoder
from accel_exporter.unet import branch_count
from accel_exporter.upsampling import latent_multiple
from accel_runtime.manifest import Codec, Cut, Denoiser, FromLabels, Input, State


class PixelsWithoutText:
    """DDPM and DDIM: the UNet's sample is the picture. Implements `Family`."""

    def tokenizers(self, source: Source) -> Mapping[str, str]:
        """None."""
        del source
        return {}

    def check(self, source: Source) -> None:
        """See `check_fitness`."""
        check_fitness(source)

    def branches(self, source: Source) -> int:
        """One for each skip of the UNet."""
        return branch_count(unet_2d_skeleton(source.unet_config))

    def sizes(self, source: Source, options: ExportOptions) -> ModelSizes:
        """From the UNet's config."""
        config = source.unet_config
        return ModelSizes.over(
            own_size(config),
            self.scale(source),
            levels=len(config["block_out_channels"]),
            multiple=latent_multiple(unet_2d_skeleton(config)),
            static=options.static,
        )

    def scale(self, source: Source) -> int:
        """Pixels of each cell of the state."""
        del source
        return 1

    def components(self, source: Source) -> tuple[Component, ...]:
        """None."""
        del source
        return ()

    def load_denoiser(self, source: Source, branches: Sequence[int]) -> Loaded:
        """The UNet with its features."""
        unet = source.load_unet_2d()
        return Loaded(unet.config, lambda sizes: textless_deep(unet, branches, sizes), model_hash=model_hash(unet))

    def state(self, source: Source, sizes: ModelSizes) -> State:
        """The UNet's sample."""
        return State(
            channels=source.unet_config["in_channels"],
            scale=sizes.latent_scale,
            sample_size=sizes.sample_size,
            multiple=sizes.size_multiple,
        )

    def denoiser(self, source: Source, branches: Sequence[int]) -> Denoiser:
        """A UNet that is never guided, and takes classes where its config counts some."""
        classes = source.unet_config["num_class_embeds"]
        labels = () if classes is None else (Input(name=names.CLASS_LABELS, source=FromLabels(classes=classes)),)
        return Denoiser(
            deep=names.UNET_DEEP,
            shallow={k: Cut(graph=names.unet_shallow(k), feature=names.feature(k)) for k in branches},
            inputs=labels,
            guidance="none",
            sample=names.SAMPLE,
            timestep=names.TIMESTEP,
            noise=names.NOISE,
        )

    def encoder(self, source: Source) -> Codec | None:
        """None: diffusers' pipelines start from noise."""
        del source
        return None

    def decoder(self, source: Source) -> Codec | None:
        """None: the state is the picture."""
        del source
        return None


class LatentsWithoutText(PixelsWithoutText):
    """Latent diffusion: the UNet's sample is what a `VQModel` decodes."""

    def scale(self, source: Source) -> int:
        """Pixels of each latent."""
        return codec_scale(source.vqvae_config)

    def components(self, source: Source) -> tuple[Component, ...]:
        """The decoder."""

        def decoder() -> Loaded:
            vqvae = source.load_vqvae()
            return Loaded(vqvae.config, lambda sizes: vqvae_decoder(vqvae, sizes))

        return (Component(names.VQVAE_DECODER, "VQ decoder", decoder, is_codec=True),)

    def decoder(self, source: Source) -> Codec:
        """The decoder, which looks up the nearest entries of its codebook first."""
        return Codec(graph=names.VQVAE_DECODER, scale=source.vqvae_config["scaling_factor"])
