"""Memory that was freed goes back to the system: what comes next needs as much again."""

import ctypes
import gc
import sys


def release_memory() -> None:
    """Free what only reference cycles hold, and hand back what the C library keeps of all that was freed.

    Exported programs hold cycles. Of tensors below 32 MB, which SDXL's are, glibc hands nothing back by itself while
    one small block lies above them.
    """
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's; musl has none
        if trim is not None:
            trim(0)
