"""Quantise the UNet of a finished float32 bundle, in the folder where it is being made."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from accel_exporter.check import Arrays, Reference, run_graph
from accel_exporter.flops import flops_by_node
from accel_exporter.int8.choose import Choice, choose
from accel_exporter.int8.options import Int8
from accel_exporter.int8.ranges import measure_ranges
from accel_exporter.int8.sensitivity import measure_groups
from accel_exporter.int8.trial import Effort, Trial, check_model, psnr
from accel_exporter.int8.usual import usual_layers
from accel_exporter.int8.write import QuantisedUNet
from accel_runtime.backends import OnnxRuntimeBackend
from accel_runtime.bundle.bundle import Bundle
from accel_runtime.bundle.dims import own_sizes, resolve
from accel_runtime.errors import InputError
from accel_runtime.manifest import Int8Spec, Manifest

# Of pictures that mean nothing, one is enough.
_OF_RANDOM: Final = Effort(captions=1, steps=2, calls=2)


def quantise_bundle(
    folder: Path, manifest: Manifest, *, options: Int8, most_steps: int = 10, effort: Effort | None = None
) -> Manifest:
    """Replace the UNet's graphs and weights by quantised ones; returns the manifest that says so.

    Args:
        folder: The bundle's, with all its files; they are changed in place.
        manifest: Its manifest, of a float32 bundle.
        options: What to quantise.
        most_steps: Steps of the longest schedule in the bundle.
        effort: How much is drawn to judge it; None for what suits the model.

    Raises:
        InputError: The model takes more than prompts, or no layer keeps its pictures near enough.
        ExportError: A graph computes something else.
    """
    check_model(manifest)
    usual = _OF_RANDOM if _is_random(manifest) else Effort.of(manifest)
    effort = effort or usual
    effort = replace(effort, steps=min(effort.steps, most_steps))
    trial = Trial(Bundle(folder, manifest, digest=""), effort)
    calls = trial.calls()
    unet = _quantised(trial, options, calls)
    choice = unet.choice
    errors = unet.write(manifest, _reference(trial, calls[len(calls) // 2]))
    kept = [name for name in unet.all_names() if name not in set(choice.layers)]
    spec = Int8Spec(kind=options.kind, layers=choice.layers, kept=tuple(kept), psnr=choice.psnr)
    graphs = {
        name: msgspec.structs.replace(graph, relative_error=errors.get(name, graph.relative_error))
        for name, graph in manifest.graphs.items()
    }
    return msgspec.structs.replace(manifest, graphs=graphs, int8=spec, files=manifest.files | unet.files())


def _quantised(trial: Trial, options: Int8, calls: Sequence[Arrays]) -> QuantisedUNet:
    """The UNet with layers chosen."""
    bundle = trial.bundle
    whole = QuantisedUNet(bundle.folder, bundle.manifest.deep.file, kind=options.kind)
    if options.kind == "weights":
        return replace(whole, choice=Choice(whole.all_names(), _measured(trial, whole)))
    deep = bundle.path(bundle.manifest.deep.file)
    unet = replace(whole, ranges=measure_ranges(deep, calls, backend=OnnxRuntimeBackend("cpu")))
    if _is_random(bundle.manifest):
        return replace(unet, choice=Choice(usual_layers(deep), None))
    return replace(unet, choice=_chosen(trial, options, unet=unet, calls=calls))


def _chosen(trial: Trial, options: Int8, *, unet: QuantisedUNet, calls: Sequence[Arrays]) -> Choice:
    manifest = trial.bundle.manifest
    deep = trial.bundle.path(manifest.deep.file)
    found = measure_groups(
        deep,
        calls[: trial.effort.calls],
        ranges=unet.ranges,
        flops=flops_by_node(deep, own_sizes(manifest)),
        plan=trial.plan,
        names=manifest.denoiser,
        backend=OnnxRuntimeBackend("cpu"),
    )
    references = trial.pictures()

    def psnr_of(layers: Sequence[str]) -> float:
        with replace(unet, choice=Choice(tuple(layers), None)).tried() as graph:
            return psnr(trial.pictures(graph), references)

    choice = choose(found, least=options.least_psnr, psnr_of=psnr_of)
    if not choice.layers:
        raise InputError(
            f"int8 loss: no layer keeps pictures within {options.least_psnr:g} dB of the float32 ones: "
            "allow a lower --int8-loss-db, or export with --dtype fp32"
        )
    return choice


def _measured(trial: Trial, unet: QuantisedUNet) -> float | None:
    if _is_random(trial.bundle.manifest):
        return None
    with unet.tried() as graph:
        return psnr(trial.pictures(graph), trial.pictures())


def _reference(trial: Trial, call: Arrays) -> Reference:
    """What the float32 deep pass makes of a call."""
    manifest = trial.bundle.manifest
    sizes = own_sizes(manifest) | {"batch": call[manifest.denoiser.sample].shape[0]}
    made = {each.name: np.zeros(resolve(each.shape, sizes), each.dtype) for each in manifest.deep.outputs}
    return Reference(call, run_graph(trial.bundle.path(manifest.deep.file), Reference(call, made)))


def _is_random(manifest: Manifest) -> bool:
    return manifest.provenance.weights == "random"
