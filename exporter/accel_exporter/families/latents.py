"""What families with a UNet over a VAE's latents have in common."""

from collections.abc import Sequence
from typing import Final

from diffusers import AutoencoderTiny
from torch import nn

from accel_exporter import graphs, names
from accel_exporter.families.family import Component, Loaded
from accel_exporter.graphs import Sizes, Traceable
from accel_exporter.model_hash import model_hash
from accel_exporter.options import ExportOptions
from accel_exporter.sizes import ModelSizes
from accel_exporter.sources import Source
from accel_exporter.sources.configs import unet_skeleton
from accel_exporter.sources.fitness import check_fitness, time_ids
from accel_exporter.sources.model_index import text_encoders, tokenizer_of
from accel_exporter.unet import branch_count
from accel_exporter.upsampling import latent_multiple
from accel_runtime.manifest import (
    Codec,
    Cut,
    Denoiser,
    FromControl,
    FromControlScales,
    FromGuidance,
    FromMask,
    FromMaskedImage,
    Input,
    State,
)

_MASKED: Final = (
    Input(name=names.MASK, source=FromMask()),
    Input(name=names.MASKED_IMAGE, source=FromMaskedImage()),
)


def vae_components(source: Source) -> tuple[Component, ...]:
    """Both halves of the VAE, which is loaded once for each."""

    def decoder() -> Loaded:
        vae = source.load_vae()
        return Loaded(vae.config, lambda sizes: graphs.vae_decoder(vae, sizes))

    def encoder() -> Loaded:
        vae = source.load_vae()
        return Loaded(vae.config, lambda sizes: graphs.vae_encoder(vae, sizes))

    return (
        Component(names.VAE_DECODER, "VAE decoder", decoder, is_codec=True),
        Component(names.VAE_ENCODER, "VAE encoder", encoder, is_codec=True),
    )


def control_components(source: Source) -> tuple[Component, ...]:
    """What each ControlNet makes of its image."""
    return tuple(_control_component(source, number) for number in range(len(source.controlnets)))


def _control_component(source: Source, number: int) -> Component:
    def load() -> Loaded:
        net = source.controlnets[number].load()
        return Loaded(net.config, lambda sizes: graphs.control_image(net, sizes, number=number))

    return Component(names.controlnet(number), "control image", load)


def prompt_length(source: Source) -> int:
    """The tokens of a prompt, the same for all text encoders."""
    first = text_encoders(source.model_index)[0]
    return int(source.load_tokenizer(tokenizer_of(first)).model_max_length)


def unet_denoiser(source: Source, branches: Sequence[int], inputs: Sequence[Input]) -> Denoiser:
    """A UNet that takes ``inputs``, and the guidance or a masked picture where its config asks for them."""
    is_told = source.unet_config["time_cond_proj_dim"] is not None
    masked = _MASKED if graphs.takes_mask(source.unet_config) else ()
    guidance = (Input(name=names.GUIDANCE, source=FromGuidance()),) if is_told else ()
    return Denoiser(
        deep=names.UNET_DEEP,
        shallow={k: Cut(graph=names.unet_shallow(k), feature=names.feature(k)) for k in branches},
        inputs=(*inputs, *guidance, *masked, *_control_inputs(source)),
        guidance="input" if is_told else "halves",
        sample=names.SAMPLE,
        timestep=names.TIMESTEP,
        noise=names.NOISE,
    )


def _control_inputs(source: Source) -> tuple[Input, ...]:
    images = tuple(
        Input(name=names.control_image(number), source=FromControl(graph=names.controlnet(number)))
        for number in range(len(source.controlnets))
    )
    return (*images, Input(name=names.CONTROL_SCALES, source=FromControlScales())) if images else ()


class LatentFamily:
    """What a `Family` of a UNet over a VAE's latents does whatever the UNet is conditioned on."""

    def check(self, source: Source) -> None:
        """See `check_fitness`."""
        check_fitness(source)

    def branches(self, source: Source) -> int:
        """One for each skip of the UNet."""
        return branch_count(unet_skeleton(source.unet_config))

    def sizes(self, source: Source, options: ExportOptions) -> ModelSizes:
        """From the configs of UNet and VAE."""
        is_packaged = options.with_inductor and options.static is None
        multiple = latent_multiple(unet_skeleton(source.unet_config), is_packaged=is_packaged)
        return ModelSizes.of(source.unet_config, source.vae_config, multiple=multiple, static=options.static)

    def load_denoiser(self, source: Source, branches: Sequence[int]) -> Loaded:
        """The UNet with its features, and the ControlNets that steer it."""
        unet, length, ids = source.load_unet(), prompt_length(source), time_ids(source.model_index)
        nets = [part.load() for part in source.controlnets]
        hashed = model_hash(nn.ModuleList([unet, *nets]) if nets else unet)

        def build(sizes: Sizes) -> Traceable:
            return graphs.unet_deep(unet, branches, sizes=sizes, text_length=length, time_ids=ids, controlnets=nets)

        return Loaded(unet.config, build, model_hash=hashed)

    def state(self, source: Source, sizes: ModelSizes) -> State:
        """The VAE's latents."""
        return State(
            channels=source.vae_config["latent_channels"],
            scale=sizes.latent_scale,
            sample_size=sizes.sample_size,
            multiple=sizes.size_multiple,
        )

    def encoder(self, source: Source) -> Codec | None:
        """The VAE's encoder, which gives the moments of latents, or latents where the VAE is a tiny one."""
        vae = source.vae_config
        is_tiny = vae["_class_name"] == AutoencoderTiny.__name__
        return Codec(graph=names.VAE_ENCODER, scale=vae["scaling_factor"], gives="sample" if is_tiny else "moments")

    def decoder(self, source: Source) -> Codec:
        """The VAE's decoder."""
        return Codec(graph=names.VAE_DECODER, scale=source.vae_config["scaling_factor"])
