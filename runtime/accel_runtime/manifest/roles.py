"""What the graphs of a bundle are for; docs/design/0017-roles.md has the whole picture.

A role is the only way to find a graph or a tensor: their names mean nothing.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from accel_runtime.manifest.basics import Few, Ratio, Side, Strict, TokenId

Branch = Annotated[int, msgspec.Meta(ge=0, le=9999)]
Factor = Annotated[float, msgspec.Meta(ge=1e-6, le=1e6)]
Shift = Annotated[float, msgspec.Meta(ge=-1e6, le=1e6)]
Part = Literal["text", "control", "deep", "shallow", "decoder", "encoder"]
# Of a call: cross-attentions run; they run, and what they give is kept; what was kept stands in for them.
Gate = Literal["open", "keeps", "gated"]
GuidanceBy = Literal["halves", "input", "none"]
Negative = Literal["negative", "same", "zeros"]


class Role(NamedTuple):
    """What a graph is for.

    Attributes:
        part: The part of an image's work.
        branch: Which shallow graph it is; None for all others.
        tome: Which share of the tokens it merges in its largest self-attentions; 0 where it merges none.
        gate: Whether its cross-attentions run, and what they give is handed out.
    """

    part: Part
    branch: int | None = None
    tome: float = 0.0
    gate: Gate = "open"


class State(Strict, frozen=True):
    """What the loop denoises.

    Attributes:
        channels: Channels of the state.
        scale: Pixels per cell of the state in each direction; 1 where the state is made of pixels.
        sample_size: (height, width) in pixels that the model was made for.
        multiple: Height and width must be multiples of this many pixels.
    """

    channels: Few
    scale: Few
    sample_size: tuple[Side, Side]
    multiple: Side


class Cut(Strict, frozen=True):
    """One shallow pass.

    Attributes:
        graph: The graph that runs it.
        feature: The tensor that the deep graph hands out and this graph takes in.
    """

    graph: str
    feature: str


class Merged(Strict, frozen=True):
    """The graphs that merge a share of the tokens (docs/design/0027-rules-and-forms.md).

    Each takes and gives the tensors of the graph that it stands in for.

    Attributes:
        deep: The graph of the deep pass.
        shallow: The graphs of the shallow passes by branch, one for each.
    """

    deep: str
    shallow: dict[Branch, str]


class Gated(Strict, frozen=True):
    """The graphs of gated calls (T-GATE, docs/design/0029-gated-calls.md).

    Attributes:
        keeps: The deep pass that also hands out what its cross-attentions gave.
        deep: The deep pass that takes this instead of a text.
        shallow: The shallow passes by branch, one for each, that take what they need of it.
        kept: The tensors, one of each cross-attention in the order in which they run.
    """

    keeps: str
    deep: str
    shallow: dict[Branch, str]
    kept: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=1000)]


class TextOutput(Strict, frozen=True):
    """An output of a text encoder."""

    encoder: str
    tensor: str


class FromText(Strict, frozen=True, tag_field="from", tag="text", omit_defaults=True):
    """Encoded prompts: outputs of one or several encoders, joined on the last axis. An output of rank 2 is pooled.

    Attributes:
        outputs: Where they come from.
        negative_outputs: Where those of the negative half come from; empty where from the same outputs.
    """

    outputs: Annotated[tuple[TextOutput, ...], msgspec.Meta(min_length=1, max_length=8)]
    negative_outputs: Annotated[tuple[TextOutput, ...], msgspec.Meta(max_length=8)] = ()


class FromSizes(Strict, frozen=True, tag_field="from", tag="sizes"):
    """SDXL's time ids: height and width of the original, top and left of the crop, then what they end with.

    Attributes:
        ends: Height and width of the target, or, in SDXL's refiner, an aesthetic score.
    """

    ends: Literal["target_size", "aesthetic_score"] = "target_size"


class FromGuidance(Strict, frozen=True, tag_field="from", tag="guidance"):
    """The guidance scale less one, embedded as diffusers' pipelines embed it for distilled models, [B, E]."""


class FromLabels(Strict, frozen=True, tag_field="from", tag="labels"):
    """The number of each image's class, [B] float32, in which whole numbers up to 2^24 are exact.

    Attributes:
        classes: Numbers are less than this.
    """

    classes: Annotated[int, msgspec.Meta(ge=1, le=2**24)]


class FromMask(Strict, frozen=True, tag_field="from", tag="mask"):
    """The mask of a picture, [B, 1, h, w]: 1 where it is drawn anew, 0 where it stays."""


class FromMaskedImage(Strict, frozen=True, tag_field="from", tag="masked_image"):
    """What the encoder makes of the picture with mid grey for all that is drawn anew, [B, C, h, w]."""


class FromControl(Strict, frozen=True, tag_field="from", tag="control"):
    """What a ControlNet makes of its control image before the first call, [B, C, h, w].

    Attributes:
        graph: The graph that makes it of pixels in [0, 1]. It has one input; its first output is taken.
    """

    graph: str


class FromControlScales(Strict, frozen=True, tag_field="from", tag="control_scales"):
    """The scale of each ControlNet at a call, [N], in the order of their images' inputs."""


Source = FromText | FromSizes | FromGuidance | FromLabels | FromMask | FromMaskedImage | FromControl | FromControlScales


class Input(Strict, frozen=True):
    """An input of the denoiser beside sample, timestep and feature.

    Attributes:
        name: The tensor's.
        source: Where its value comes from.
        negative: What the negative half of a guided call gets: the negative prompt, the same value as the prompt half,
            or zeros where the negative prompt is empty. Sizes are the same, or the negative framing of the request.
    """

    name: str
    source: Source
    negative: Negative = "same"


class Denoiser(Strict, frozen=True):
    """The deep graph and the shallow ones cut out of it. This is the only place that names their tensors.

    Attributes:
        deep: The graph of the deep pass.
        shallow: The shallow passes by branch.
        inputs: What the graphs take beside sample, timestep and feature. A shallow graph may lack some.
        guidance: How it is guided: a guided call runs a negative half before the prompt half (`halves`), an input holds
            the scale (`input`), or never (`none`).
        sample: The input for the scaled state, [B, C, h, w].
        timestep: The input for the timestep, [1].
        noise: The output that the schedule is applied to, [B, C, h, w].
        tome: Graphs that merge tokens, by the share that they merge; absent where there are none.
        tgate: Graphs of gated calls; absent where there are none.
    """

    deep: str
    shallow: dict[Branch, Cut]
    inputs: Annotated[tuple[Input, ...], msgspec.Meta(max_length=32)] = ()
    guidance: GuidanceBy = "halves"
    sample: str = "sample"
    timestep: str = "timestep"
    noise: str = "out_sample"
    tome: dict[Ratio, Merged] | UnsetType = UNSET
    tgate: Gated | UnsetType = UNSET

    @property
    def merged(self) -> Mapping[float, Merged]:
        """The graphs that merge tokens, by the share that they merge; empty where there are none."""
        return dict(sorted(self.tome.items())) if self.tome else {}

    def graph(self, branch: int | None, tome: float = 0.0, gate: Gate = "open") -> str:
        """The graph of a pass, the deep one where ``branch`` is None.

        Raises:
            KeyError: There is no such branch, no graph that merges this share, or none of gated calls.
        """
        if gate != "open":
            return self._gated_graph(branch, gate)
        if tome == 0:
            return self.deep if branch is None else self.shallow[branch].graph
        merged = self.merged[tome]
        return merged.deep if branch is None else merged.shallow[branch]

    def _gated_graph(self, branch: int | None, gate: Gate) -> str:
        if not self.tgate:
            raise KeyError(gate)
        if gate == "keeps":
            return self.tgate.keeps
        return self.tgate.deep if branch is None else self.tgate.shallow[branch]


class TextSpec(Strict, frozen=True):
    """How a prompt becomes the ids that a text encoder takes.

    Attributes:
        tokenizer: The file that the `tokenizers` library reads.
        table: The same for a reader without libraries (docs/tokenizer-table.md); None where it is not CLIP's.
        max_length: Ids of a prompt, begin and end included.
        pad_id: The id that fills up the rest.
    """

    tokenizer: str
    table: str | None
    max_length: Annotated[int, msgspec.Meta(ge=2, le=2**16)]
    pad_id: TokenId


class Codec(Strict, frozen=True):
    """A graph between pixels in [-1, 1] and the state, where the state is ``(sample - shift) * scale``.

    Attributes:
        graph: It has one input; its first output is taken.
        scale: See above.
        shift: See above.
        gives: A `sample`, or the `moments` of one: mean, then log-variance, on the channels.
    """

    graph: str
    scale: Factor = 1.0
    shift: Shift = 0.0
    gives: Literal["sample", "moments"] = "sample"
