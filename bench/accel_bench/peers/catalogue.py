"""The peers that exist, and the options of each."""

import re
from dataclasses import dataclass
from typing import Final, Literal

from accel_runtime.errors import InputError

Model = Literal["weights", "openvino", "onnx", "bundle"]


@dataclass(frozen=True, slots=True)
class PeerKind:
    """A peer: other software that draws pictures.

    Attributes:
        name: Name that the user writes.
        summary: Short description, for the list of peers.
        script: File of the adapter, and its arguments.
        environment: Name of the environment that it runs in; peers may share one.
        model: Kind of model that it opens: the folder of weights, a conversion of it, or our bundle.
        options: Options that may follow its name: pairs of a pattern and the text that help shows for it.
    """

    name: str
    summary: str
    script: tuple[str, ...]
    environment: str
    model: Model
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class PeerEnvironment:
    """An environment that peers run in.

    Attributes:
        modules: Modules that must be importable.
        without: Packages that are uninstalled again, because other packages bring them.
    """

    modules: tuple[str, ...]
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PeerChoice:
    """A peer that the user asked for.

    Attributes:
        name: The whole text, such as `deepcache:3`.
        kind: The peer.
        options: The parts after the peer's name.
    """

    name: str
    kind: PeerKind
    options: tuple[str, ...]


_TORCH: Final = (("f32|bf16|f16", "f32, bf16, f16"), ("cuda", "cuda: NVIDIA's GPU, or AMD's with torch for ROCm"))

PEERS: Final = {
    kind.name: kind
    for kind in (
        PeerKind(
            "diffusers", "the pipeline itself, eager torch", ("run_torch.py", "diffusers"), "torch", "weights", _TORCH
        ),
        PeerKind(
            "torch-compile",
            "diffusers with the UNet compiled by inductor",
            ("run_torch.py", "torch-compile"),
            "torch",
            "weights",
            _TORCH,
        ),
        PeerKind(
            "deepcache",
            "diffusers with the DeepCache package, an interval of 3 unless given",
            ("run_torch.py", "deepcache"),
            "torch",
            "weights",
            (("[1-9][0-9]?", "an interval"), *_TORCH),
        ),
        PeerKind(
            "openvino-genai",
            "OpenVINO GenAI's Text2ImagePipeline",
            ("run_openvino_genai.py",),
            "openvino-genai",
            "openvino",
            (("f32|bf16|f16", "f32, bf16, f16"), ("dynamic", "dynamic")),
        ),
        PeerKind("optimum", "optimum's ONNX Runtime pipeline", ("run_optimum.py",), "optimum", "onnx"),
        PeerKind(
            "onnxruntime-bare",
            "our graphs in bare ONNX Runtime sessions, all calls deep",
            ("run_onnxruntime.py",),
            "onnxruntime-bare",
            "bundle",
        ),
    )
}

ENVIRONMENTS: Final = {
    "torch": PeerEnvironment(("torch", "diffusers", "transformers", "DeepCache")),
    # optimum-intel installs torchvision; nothing here needs it, and a build for another torch breaks imports.
    "openvino-genai": PeerEnvironment(("openvino_genai", "optimum.intel", "diffusers"), without=("torchvision",)),
    "optimum": PeerEnvironment(("optimum.onnxruntime", "optimum.exporters.onnx", "diffusers")),
    "onnxruntime-bare": PeerEnvironment(("onnxruntime", "tokenizers", "safetensors")),
}


def parse_peer(text: str) -> PeerChoice:
    """Parse the name of a peer and its options.

    Raises:
        InputError: There is no such peer, or it has no such option.

    >>> parse_peer("deepcache:5").options
    ('5',)
    """
    name, *options = text.split(":")
    kind = PEERS.get(name)
    if kind is None:
        raise InputError(f"peer {text!r}: expected one of {', '.join(PEERS)}")
    for option in options:
        if not any(re.fullmatch(pattern, option) for pattern, _ in kind.options):
            allowed = " or ".join(shown for _, shown in kind.options) or "none"
            raise InputError(f"peer {text!r}: option {option!r}: expected {allowed}")
    return PeerChoice(text, kind, tuple(options))
