"""Which peers there are, and what each one takes."""

import re
from dataclasses import dataclass
from typing import Final, Literal

from accel_runtime.errors import InputError

Model = Literal["weights", "openvino", "onnx", "bundle"]


@dataclass(frozen=True, slots=True)
class PeerKind:
    """Other software that draws.

    Attributes:
        name: As the user writes it.
        summary: What it is, for the list.
        script: Its adapter, with the arguments behind it.
        environment: The environment that it runs in; several may share one.
        model: What it opens: the folder of weights, a conversion of that, or our bundle.
        options: What may follow its name, as patterns with what to show for each.
    """

    name: str
    summary: str
    script: tuple[str, ...]
    environment: str
    model: Model
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class PeerEnvironment:
    """Packages that go together.

    Attributes:
        modules: What must be importable.
        without: Packages that others bring, and that are taken out again.
    """

    modules: tuple[str, ...]
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PeerChoice:
    """A peer as a user asked for it.

    Attributes:
        name: The whole, such as `deepcache:3`.
        options: What followed the peer's name.
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
    # torchvision comes along with optimum-intel; nothing here needs it, and a build for another torch breaks imports.
    "openvino-genai": PeerEnvironment(("openvino_genai", "optimum.intel", "diffusers"), without=("torchvision",)),
    "optimum": PeerEnvironment(("optimum.onnxruntime", "optimum.exporters.onnx", "diffusers")),
    "onnxruntime-bare": PeerEnvironment(("onnxruntime", "tokenizers", "safetensors")),
}


def parse_peer(text: str) -> PeerChoice:
    """A peer and its options.

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
