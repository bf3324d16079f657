"""The manifest `accel.json`: what a bundle holds and what its graphs are for, parsed strictly.

The schema is the tree of classes in this folder. An unknown key, a wrong type, a path that leaves the folder or an
unknown schema version is a `BundleError` that names the file and the key. docs/design/0017-roles.md has an example.
"""

from accel_runtime.manifest.basics import (
    DIMENSION,
    LONGEST_SIDE,
    Device,
    DType,
    ExtraForm,
    Form,
    GraphSpec,
    Precision,
    TensorSpec,
)
from accel_runtime.manifest.parts import (
    FileSpec,
    FormGraph,
    InductorGraph,
    InductorSpec,
    LoopSpec,
    Provenance,
    SchedulesSpec,
)
from accel_runtime.manifest.read import (
    MANIFEST_DIGEST_NAME,
    MANIFEST_NAME,
    encode_manifest,
    parse_manifest,
    read_manifest,
    read_manifest_bytes,
)
from accel_runtime.manifest.roles import (
    Codec,
    Cut,
    Denoiser,
    FromGuidance,
    FromSizes,
    FromText,
    GuidanceBy,
    Input,
    Negative,
    Part,
    Role,
    State,
    TextOutput,
    TextSpec,
)
from accel_runtime.manifest.schema import SCHEMA_VERSION, Manifest

__all__ = [
    "DIMENSION",
    "LONGEST_SIDE",
    "MANIFEST_DIGEST_NAME",
    "MANIFEST_NAME",
    "SCHEMA_VERSION",
    "Codec",
    "Cut",
    "DType",
    "Denoiser",
    "Device",
    "ExtraForm",
    "FileSpec",
    "Form",
    "FormGraph",
    "FromGuidance",
    "FromSizes",
    "FromText",
    "GraphSpec",
    "GuidanceBy",
    "InductorGraph",
    "InductorSpec",
    "Input",
    "LoopSpec",
    "Manifest",
    "Negative",
    "Part",
    "Precision",
    "Provenance",
    "Role",
    "SchedulesSpec",
    "State",
    "TensorSpec",
    "TextOutput",
    "TextSpec",
    "encode_manifest",
    "parse_manifest",
    "read_manifest",
    "read_manifest_bytes",
]
