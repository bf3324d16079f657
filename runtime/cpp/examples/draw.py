"""draw.py LIBACCEL BUNDLE ONNXRUNTIME PROMPT: a picture by ctypes, without numpy, as image.ppm."""

import ctypes
import sys
from pathlib import Path

accel = ctypes.CDLL(sys.argv[1])
error = ctypes.create_string_buffer(1024)


class Backend(ctypes.Structure):
    """`accel_backend_options`, as far as it is needed: what is left out is its default."""

    _fields_ = [("size", ctypes.c_size_t), ("library", ctypes.c_char_p)]


class Shape(ctypes.Structure):
    """`accel_shape`."""

    _fields_ = [(name, ctypes.c_size_t) for name in ("size", "images", "height", "width", "channels", "h", "w")]


def call(name: str, *arguments: object) -> None:
    """Call a function of accel.h that takes an error."""
    if getattr(accel, f"accel_{name}")(*arguments, error):
        sys.exit(f"draw.py: {error.value.decode()}")


bundle, backend, pipeline, plan, request = (ctypes.c_void_p() for _ in range(5))
options = Backend(ctypes.sizeof(Backend), sys.argv[3].encode())
shape = Shape(ctypes.sizeof(Shape))
call("bundle_open", sys.argv[2].encode(), None, ctypes.byref(bundle))
call("backend_open", ctypes.byref(options), ctypes.byref(backend))
call("pipeline_create", bundle, backend, ctypes.byref(pipeline))
call("plan_open", bundle, b"every:3", ctypes.byref(plan))
call("plan_set_steps", plan, 5)
call("request_create", ctypes.byref(request))
call("request_add_prompt", request, sys.argv[4].encode())
call("request_shape", request, pipeline, ctypes.byref(shape))
pixels = ctypes.create_string_buffer(shape.height * shape.width * 3)
call("generate", pipeline, plan, request, pixels, ctypes.c_size_t(len(pixels)), None, ctypes.c_size_t(0))
Path("image.ppm").write_bytes(b"P6 %d %d 255\n" % (shape.width, shape.height) + pixels.raw)
