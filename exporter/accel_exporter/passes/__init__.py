"""Edits of ONNX graphs, one per file; each checks what it needs and what it promises."""

from accel_exporter.passes.clean import clean
from accel_exporter.passes.cut import cut_shallow, noise_only
from accel_exporter.passes.expose import ExposeFeatures
from accel_exporter.passes.in_float32 import in_float32
from accel_exporter.passes.join_sample import joined_sample
from accel_exporter.passes.keep_float32 import KeepFloat32
from accel_exporter.passes.name_dims import NameDimensions
from accel_exporter.passes.open_timestep import OpenTimestep
from accel_exporter.passes.optimize import optimize

__all__ = [
    "ExposeFeatures",
    "KeepFloat32",
    "NameDimensions",
    "OpenTimestep",
    "clean",
    "cut_shallow",
    "in_float32",
    "joined_sample",
    "noise_only",
    "optimize",
]
