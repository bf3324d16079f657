"""`accel bench trace`: where the time of a benchmark goes, as a file that Perfetto draws."""

from accel_bench.trace.operators import ProfiledImage, profile_image
from accel_bench.trace.write import write_trace

__all__ = ["ProfiledImage", "profile_image", "write_trace"]
