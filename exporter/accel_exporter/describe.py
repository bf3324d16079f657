"""What the manifest says of a pipeline: its state, what its graphs are for, and where they come from."""

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from accel_exporter import names
from accel_exporter.options import ExportOptions
from accel_exporter.sizes import ModelSizes
from accel_exporter.sources import Source
from accel_runtime.manifest import Codec, Cut, Denoiser, FromText, Input, Provenance, State, TextOutput

_STAMPED_PACKAGES: Final = (
    "accel-sd",
    "diffusers",
    "onnx",
    "onnx-ir",
    "onnxruntime",
    "onnxscript",
    "torch",
    "transformers",
)


def describe_state(vae: Mapping[str, Any], sizes: ModelSizes) -> State:
    """The latents of a VAE with that config."""
    return State(
        channels=vae["latent_channels"],
        scale=sizes.latent_scale,
        sample_size=sizes.sample_size,
        multiple=sizes.size_multiple,
    )


def describe_denoiser(branches: Sequence[int]) -> Denoiser:
    """The roles of the UNet's graphs and tensors."""
    text = FromText(outputs=(TextOutput(encoder=names.TEXT_ENCODER, tensor=names.HIDDEN),))
    return Denoiser(
        deep=names.UNET_DEEP,
        shallow={k: Cut(graph=names.unet_shallow(k), feature=names.feature(k)) for k in branches},
        inputs=(Input(name=names.TEXT, source=text, negative="negative"),),
        sample=names.SAMPLE,
        timestep=names.TIMESTEP,
        noise=names.NOISE,
    )


def describe_encoder(vae: Mapping[str, Any]) -> Codec:
    """The encoder of a VAE with that config."""
    return Codec(graph=names.VAE_ENCODER, scale=vae["scaling_factor"], gives="moments")


def describe_decoder(vae: Mapping[str, Any]) -> Codec:
    """The decoder of a VAE with that config."""
    return Codec(graph=names.VAE_DECODER, scale=vae["scaling_factor"])


def describe_provenance(source: Source, options: ExportOptions) -> Provenance:
    """Where the pipeline came from, and how it was exported."""
    origin = source.origin
    return Provenance(
        source=origin.source,
        pipeline_class=str(source.model_index["_class_name"]),
        revision=origin.revision,
        weights=origin.weights,
        seed=origin.seed,
        packages={name: _version(name) for name in _STAMPED_PACKAGES},
        options={
            "opset": options.operator_set,
            "static": options.static is not None,
            "max_steps": options.max_steps,
        },
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
