"""The text encoders to trace."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from transformers import CLIPTextModelWithProjection

from accel_exporter import names
from accel_exporter.graphs import Axis, Sizes, Traceable, seeded
from accel_exporter.sources.source import TextEncoder


class _TextEncoder(nn.Module):
    """Takes its causal mask from a constant: computed from the ids, it would be a dozen nodes of 64-bit arithmetic.

    As a sum it needs no guard against rows that are hidden whole, for which GPU providers lack an operator.
    """

    mask: Tensor  # [1, 1, L, L]

    def __init__(self, model: TextEncoder, length: int) -> None:
        super().__init__()
        self.model = model
        hidden = torch.full((1, 1, length, length), float("-inf"), dtype=model.dtype).triu(1)
        self.register_buffer("mask", hidden, persistent=False)

    def forward(self, input_ids: Tensor) -> tuple[Tensor, Tensor]:
        output = self.model(input_ids=input_ids, attention_mask=self.mask)
        return output.last_hidden_state, output.pooler_output


class _SkippingTextEncoder(_TextEncoder):
    """Also returns what the model would be without its last layers: diffusers' `clip_skip`."""

    def __init__(self, model: TextEncoder, length: int, skip: int) -> None:
        super().__init__(model, length)
        self.skip = skip

    def forward(self, input_ids: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        output = self.model(input_ids=input_ids, attention_mask=self.mask, output_hidden_states=True)
        # Older versions of transformers have a wrapper around it.
        inner: Any = getattr(self.model, "text_model", self.model)
        skipped: Tensor = inner.final_layer_norm(output.hidden_states[-(self.skip + 1)])
        return output.last_hidden_state, output.pooler_output, skipped


class _LayeredTextEncoder(_TextEncoder):
    """Also returns what each layer is given: SDXL takes what the last one is.

    The outputs have transformers' order, for other loaders take the first one: what is projected, or the last state.
    """

    def forward(self, input_ids: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        output = self.model(input_ids=input_ids, attention_mask=self.mask, output_hidden_states=True)
        given = output.hidden_states[: self.model.config.num_hidden_layers]
        if isinstance(self.model, CLIPTextModelWithProjection):
            return (output.text_embeds, output.last_hidden_state, *given)
        return (output.last_hidden_state, output.pooler_output, *given)


def text_encoder(model: TextEncoder, sizes: Sizes, *, length: int, skip: int = 0) -> Traceable:
    """CLIP's text model: input_ids [B, L] → last_hidden_state [B, L, D], pooler_output [B, D].

    With ``skip`` also skipped_hidden_state [B, L, D], without that many of the last layers.
    L is ``length``, the tokenizer's: it may be less than the model has positions for.
    """
    ids = torch.randint(0, model.config.vocab_size, (sizes.batch, length), generator=seeded())
    return Traceable(
        name=names.TEXT_ENCODER,
        part="text",
        module=_SkippingTextEncoder(model, length, skip) if skip else _TextEncoder(model, length),
        inputs={names.IDS: ids},
        outputs=(names.HIDDEN, names.POOLED, *((names.SKIPPED,) if skip else ())),
        axes={names.IDS: {0: Axis("batch")}},
    )


def layered_text_encoder(model: TextEncoder, sizes: Sizes, *, name: str, length: int) -> Traceable:
    """A text encoder with the states between its layers, as SDXL's are read; ``name`` is the graph's.

    input_ids [B, L] → last_hidden_state [B, L, D] and pooler_output [B, D], or text_embeds [B, P] of a model with a
    projection and last_hidden_state; then hidden_states.0 to .N-1 [B, L, D].
    """
    plain = text_encoder(model, sizes, length=length)
    has_projection = isinstance(model, CLIPTextModelWithProjection)
    ends = (names.PROJECTED, names.HIDDEN) if has_projection else (names.HIDDEN, names.POOLED)
    layers = map(names.hidden, range(model.config.num_hidden_layers))
    outputs = (*ends, *layers)
    return replace(plain, name=name, module=_LayeredTextEncoder(model, length), outputs=outputs)
