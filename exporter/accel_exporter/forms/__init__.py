"""The forms of a graph beside plain: what providers run faster, or newer ones run without help."""

from accel_exporter.forms.expand import EXPANSIONS, expand
from accel_exporter.forms.fuse import fuse, fuse_attention

__all__ = ["EXPANSIONS", "expand", "fuse", "fuse_attention"]
