"""Token merging (ToMe, arXiv:2303.17604): the largest self-attentions run on fewer tokens."""

from accel_exporter.merging.listed import with_merged
from accel_exporter.merging.rewrite import merge_tokens
from accel_exporter.merging.torch_merging import merged_reference, merging, token_groups

__all__ = ["merge_tokens", "merged_reference", "merging", "token_groups", "with_merged"]
