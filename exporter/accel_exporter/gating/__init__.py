"""Gated calls (T-GATE, arXiv:2404.02747): cross-attentions hand out what they give, or are given it."""

from accel_exporter.gating.cut import cut_gated, cut_gated_shallow
from accel_exporter.gating.expose import keep_attended
from accel_exporter.gating.listed import with_gated
from accel_exporter.gating.torch_gating import kept_reference, recording

__all__ = ["cut_gated", "cut_gated_shallow", "keep_attended", "kept_reference", "recording", "with_gated"]
