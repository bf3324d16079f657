"""libaccel by ctypes, as tests call it."""

import ctypes
from collections.abc import Callable, Mapping, Sequence
from ctypes import (
    POINTER,
    byref,
    c_char,
    c_char_p,
    c_double,
    c_float,
    c_int32,
    c_int64,
    c_size_t,
    c_uint8,
    c_uint64,
    c_void_p,
)
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accel_runtime import request

OK, INPUT, BUNDLE, BACKEND, NUMERICS, CANCELLED, MEMORY, INTERNAL = range(8)


class Error(ctypes.Structure):
    """`accel_error`."""

    _fields_ = [("text", c_char * 1024)]


class BundleOptions(ctypes.Structure):
    """`accel_bundle_options`."""

    _fields_ = [("size", c_size_t), ("verification", c_int32), ("digest", c_char_p)]


class BackendOptions(ctypes.Structure):
    """`accel_backend_options`."""

    _fields_ = [
        ("size", c_size_t),
        ("library", c_char_p),
        ("provider", c_char_p),
        ("option_names", POINTER(c_char_p)),
        ("option_values", POINTER(c_char_p)),
        ("option_count", c_size_t),
        ("threads", c_int32),
    ]


class PipelineOptions(ctypes.Structure):
    """`accel_pipeline_options`."""

    _fields_ = [("size", c_size_t), ("form", c_char_p), ("memory", c_int32)]


class Progress(ctypes.Structure):
    """`accel_progress`."""

    _fields_ = [
        ("size", c_size_t),
        ("index", c_size_t),
        ("total", c_size_t),
        ("timestep", c_double),
        ("is_shallow", c_int32),
        ("latents", POINTER(c_float)),
        ("latent_count", c_size_t),
    ]


class Shape(ctypes.Structure):
    """`accel_shape`."""

    _fields_ = [
        (name, c_size_t) for name in ("size", "images", "height", "width", "channels", "latent_height", "latent_width")
    ]


class Control(ctypes.Structure):
    """`accel_control`."""

    _fields_ = [
        ("size", c_size_t),
        ("pixels", POINTER(c_uint8)),
        ("count", c_size_t),
        ("height", c_int32),
        ("width", c_int32),
        ("scale", c_double),
        ("start", c_double),
        ("end", c_double),
    ]


class Framing(ctypes.Structure):
    """`accel_framing`."""

    _fields_ = [
        ("size", c_size_t),
        ("original_height", c_int32),
        ("original_width", c_int32),
        ("crop_top", c_int32),
        ("crop_left", c_int32),
        ("target_height", c_int32),
        ("target_width", c_int32),
        ("has_aesthetic_score", c_int32),
        ("aesthetic_score", c_double),
    ]


OnProgress = ctypes.CFUNCTYPE(c_int32, c_void_p, POINTER(Progress))


class LibraryError(Exception):
    """A status that is not `OK`, with its text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True)
class Asked:
    """What a request of libaccel's is set to; None leaves out the setter."""

    prompts: Sequence[str]
    negatives: Sequence[str] = ()
    images_per_prompt: int = 1
    seed: int = 0
    seeds: Sequence[int] | None = None
    size: tuple[int, int] | None = None
    guidance: float | None = None
    guidance_rescale: float | None = None
    image: NDArray[np.uint8] | None = None
    strength: float = 1.0
    mask: NDArray[np.uint8] | None = None
    controls: Sequence[request.Control] = ()
    framing: request.Framing | None = None
    negative_framing: request.Framing | None = None
    class_labels: Sequence[int] = ()
    latents: NDArray[np.float32] | None = None
    on_progress: Callable[[Progress], int] | None = None
    cancelled: bool = False


class Library:
    """The library at a path; every failure is a `LibraryError`.

    Handles are plain numbers. `close` closes them at the end of a test; a failed call leaves none behind.
    """

    def __init__(self, path: Path) -> None:
        self._library = ctypes.CDLL(str(path))
        for name in (
            "version",
            "bundle_digest",
            "bundle_manifest",
            "bundle_scheduler",
            "bundle_plan",
            "backend_description",
            "pipeline_form",
        ):
            getattr(self._library, f"accel_{name}").restype = c_char_p

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function whose last argument is the error."""
        error = Error()
        status = getattr(self._library, f"accel_{name}")(*arguments, byref(error))
        if status != OK:
            raise LibraryError(status, error.text.decode())

    def text(self, name: str, *arguments: Any) -> str | None:
        """Call a function that gives a text."""
        raw = getattr(self._library, f"accel_{name}")(*arguments)
        return None if raw is None else bytes(raw).decode()

    def made(self, name: str, *arguments: Any) -> c_void_p:
        """Call a function that makes a handle."""
        handle = c_void_p()
        self.call(name, *arguments, byref(handle))
        return handle

    def close(self, kind: str, handle: c_void_p) -> None:
        """Close a handle."""
        getattr(self._library, f"accel_{kind}_close")(handle)

    def open_bundle(self, folder: Path, *, verification: int = 0, digest: str | None = None) -> c_void_p:
        options = BundleOptions(ctypes.sizeof(BundleOptions), verification, digest.encode() if digest else None)
        return self.made("bundle_open", str(folder).encode(), byref(options))

    def open_backend(
        self, library: Path, *, provider: str = "cpu", threads: int = 0, options: Mapping[str, str] | None = None
    ) -> c_void_p:
        given = dict(options or {})
        names = (c_char_p * len(given))(*(name.encode() for name in given))
        values = (c_char_p * len(given))(*(value.encode() for value in given.values()))
        all_options = BackendOptions(
            size=ctypes.sizeof(BackendOptions),
            library=str(library).encode(),
            provider=provider.encode(),
            option_names=names,
            option_values=values,
            option_count=len(given),
            threads=threads,
        )
        return self.made("backend_open", byref(all_options))

    def open_pipeline(
        self, bundle: c_void_p, backend: c_void_p, *, form: str | None = None, memory: int = 0
    ) -> c_void_p:
        options = PipelineOptions(ctypes.sizeof(PipelineOptions), form.encode() if form else None, memory)
        return self.made("pipeline_create_with", bundle, backend, byref(options))

    def has_low_memory(self, pipeline: c_void_p) -> bool:
        return bool(self._library.accel_pipeline_has_low_memory(pipeline))

    def tokenize(self, bundle: c_void_p, prompt: str) -> list[int]:
        length = c_size_t()
        arguments = (bundle, None, prompt.encode())
        self.call("bundle_tokenize", *arguments, None, c_size_t(0), byref(length), None)
        ids = (c_int64 * length.value)()
        self.call("bundle_tokenize", *arguments, ids, length, None, None)
        return list(ids)

    def noise(self, seed: int, sizes: Sequence[int]) -> NDArray[np.float32]:
        """All draws one after the other."""
        handle = self.made("noise_create", c_uint64(seed))
        drawn = []
        for size in sizes:
            values = np.empty(size, np.float32)
            self.call("noise_draw", handle, values.ctypes.data_as(c_void_p), c_size_t(size))
            drawn.append(values)
        self.close("noise", handle)
        return np.concatenate(drawn)

    def decode(self, pipeline: c_void_p, latents: NDArray[np.float32], *, size: tuple[int, int]) -> NDArray[np.uint8]:
        """Pixels [B, H, W, 3] of latents [B, C, h, w]."""
        images, channels, *cells = latents.shape
        shape = Shape(ctypes.sizeof(Shape), images, *size, channels, *cells)
        pixels = np.empty((images, *size, 3), np.uint8)
        self.call("decode", pipeline, byref(shape), *_memory(latents), *_memory(pixels))
        return pixels

    def request(self, asked: Asked) -> "OpenRequest":
        return OpenRequest(self, asked)

    def generate(
        self, pipeline: c_void_p, plan: c_void_p, asked: Asked, *, decodes: bool = True
    ) -> tuple[NDArray[np.uint8] | None, NDArray[np.float32]]:
        """Pixels [B, H, W, 3], or None, and latents [B, C, h, w]."""
        with self.request(asked) as request:
            if asked.cancelled:
                self._library.accel_request_cancel(request.handle)
            shape = Shape(size=ctypes.sizeof(Shape))
            self.call("request_shape", request.handle, pipeline, byref(shape))
            latents = np.empty((shape.images, shape.channels, shape.latent_height, shape.latent_width), np.float32)
            pixels = np.empty((shape.images, shape.height, shape.width, 3), np.uint8) if decodes else None
            self.call("generate", pipeline, plan, request.handle, *_memory(pixels), *_memory(latents))
        return pixels, latents


@dataclass
class OpenRequest:
    """A request, set to what was asked for."""

    library: Library
    asked: Asked
    handle: c_void_p = field(init=False)
    _kept: list[NDArray[np.uint8]] = field(default_factory=list, init=False)

    def __enter__(self) -> "OpenRequest":
        self.handle = self.library.made("request_create")
        try:
            for name, arguments in self._settings():
                self.library.call(f"request_{name}", self.handle, *arguments)
        except LibraryError:
            self.library.close("request", self.handle)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.library.close("request", self.handle)

    def _settings(self) -> list[tuple[str, tuple[Any, ...]]]:
        asked = self.asked
        settings: list[tuple[str, tuple[Any, ...]]] = [("add_prompt", (text.encode(),)) for text in asked.prompts]
        settings += [("add_negative", (text.encode(),)) for text in asked.negatives]
        settings += [("set_images_per_prompt", (asked.images_per_prompt,)), ("set_seed", (c_uint64(asked.seed),))]
        if asked.seeds is not None:
            settings.append(("set_seeds", ((c_uint64 * len(asked.seeds))(*asked.seeds), c_size_t(len(asked.seeds)))))
        if asked.size is not None:
            settings.append(("set_size", asked.size))
        if asked.guidance is not None:
            settings.append(("set_guidance", (c_double(asked.guidance),)))
        if asked.guidance_rescale is not None:
            settings.append(("set_guidance_rescale", (c_double(asked.guidance_rescale),)))
        if asked.image is not None:
            pixels, sizes = self._pictures(asked.image, rank=4)
            settings.append(("set_image", (pixels, *sizes, c_double(asked.strength))))
        settings += self._conditions()
        if asked.latents is not None:
            settings.append(("set_latents", _memory(np.ascontiguousarray(asked.latents))))
        if asked.on_progress is not None:
            callback = asked.on_progress
            self._callback = OnProgress(lambda _, progress: callback(progress.contents))
            settings.append(("on_progress", (self._callback, None)))
        return settings

    def _conditions(self) -> list[tuple[str, tuple[Any, ...]]]:
        """What steers a picture beside its prompts."""
        asked = self.asked
        settings: list[tuple[str, tuple[Any, ...]]] = []
        if asked.mask is not None:
            levels, sizes = self._pictures(asked.mask, rank=3)
            settings.append(("set_mask", (levels, *sizes)))
        for control in asked.controls:
            pixels, sizes = self._pictures(control.image, rank=4)
            numbers = (control.scale, control.start, control.end)
            given = Control(ctypes.sizeof(Control), pixels, *(size for size in sizes), *numbers)
            settings.append(("add_control", (byref(given),)))
        for name, framing in (("framing", asked.framing), ("negative_framing", asked.negative_framing)):
            if framing is not None:
                settings.append((f"set_{name}", (byref(_framing(framing)),)))
        if asked.class_labels:
            labels = (c_int64 * len(asked.class_labels))(*asked.class_labels)
            settings.append(("set_class_labels", (labels, c_size_t(len(labels)))))
        return settings

    def _pictures(self, given: NDArray[np.uint8], *, rank: int) -> tuple[Any, tuple[Any, ...]]:
        """Memory, which lives as long as this, and how many pictures of which size are in it."""
        pictures = np.ascontiguousarray(given if given.ndim == rank else given[np.newaxis])
        self._kept.append(pictures)
        return pictures.ctypes.data_as(POINTER(c_uint8)), (c_size_t(len(pictures)), *pictures.shape[1:3])


def _framing(told: request.Framing) -> Framing:
    score = told.aesthetic_score
    numbers = (*(told.original_size or (0, 0)), *told.crops_coords_top_left, *(told.target_size or (0, 0)))
    return Framing(ctypes.sizeof(Framing), *numbers, score is not None, score or 0.0)


def _memory(array: NDArray[Any] | None) -> tuple[c_void_p | None, c_size_t]:
    return (None, c_size_t(0)) if array is None else (array.ctypes.data_as(c_void_p), c_size_t(array.size))
