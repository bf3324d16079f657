"""Both runtimes on one bundle: the library, and the Python runtime that it is compared with."""

from ctypes import c_void_p
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tests.cpp.binding import Asked, Library

from accel_runtime import Pipeline, Request, Result, open_bundle
from accel_runtime.backends import Backend
from accel_runtime.backends.onnxruntime import OnnxRuntimeBackend
from accel_runtime.plans.file import encode_plan
from accel_runtime.plans.spec import PlanSpec


@dataclass(frozen=True)
class Both:
    """A bundle opened by both runtimes, each with one thread.

    Attributes:
        library: libaccel.
        bundle: Its bundle.
        pipeline: Its pipeline.
        python: The Python runtime's pipeline.
    """

    library: Library
    bundle: c_void_p
    pipeline: c_void_p
    python: Pipeline

    @classmethod
    def open(cls, library: Library, folder: Path, *, onnxruntime: Path, form: str | None = None) -> "Both":
        backend = library.open_backend(onnxruntime, threads=1)
        return cls.on(library, folder, backend=backend, python=OnnxRuntimeBackend("cpu", threads=1), form=form)

    @classmethod
    def on(
        cls,
        library: Library,
        folder: Path,
        *,
        backend: c_void_p,
        python: Backend,
        form: str | None = None,
        low_memory: bool = False,
    ) -> "Both":
        """Both on backends of their own, in a form of graphs or in what each chooses; libaccel's backend is closed."""
        bundle = library.open_bundle(folder, verification=1)
        pipeline = library.open_pipeline(bundle, backend, form=form, memory=int(low_memory))
        library.close("backend", backend)
        opened = open_bundle(folder, python, verification="sizes", form=form, low_memory=low_memory)
        return cls(library, bundle, pipeline, opened)

    def drawn_by_python(self, spec: PlanSpec, asked: Asked) -> Result:
        rescale = asked.guidance_rescale or 0.0
        strength = None if asked.image is None else asked.strength
        plan = self.python.compile(spec, strength=strength, guidance=asked.guidance, guidance_rescale=rescale)
        return self.python.generate(_request(asked), plan)

    def drawn_by_cpp(self, spec: PlanSpec, asked: Asked) -> tuple[Any, Any]:
        content = encode_plan(spec)
        plan = self.library.made("plan_parse", content, len(content))
        try:
            return self.library.generate(self.pipeline, plan, asked)
        finally:
            self.library.close("plan", plan)

    def check_equal(self, spec: PlanSpec, asked: Asked) -> None:
        """Latents and pixels are the same, to the bit."""
        expected = self.drawn_by_python(spec, asked)
        pixels, latents = self.drawn_by_cpp(spec, asked)
        assert np.array_equal(latents, expected.latents), np.abs(latents - expected.latents).max()
        assert np.array_equal(pixels, expected.images)

    def close(self) -> None:
        self.library.close("pipeline", self.pipeline)
        self.library.close("bundle", self.bundle)


def _request(asked: Asked) -> Request:
    height, width = asked.size or (None, None)
    request = Request(
        prompts=tuple(asked.prompts),
        negatives=tuple(asked.negatives) or ("",),
        images_per_prompt=asked.images_per_prompt,
        seed=asked.seed,
        seeds=None if asked.seeds is None else tuple(asked.seeds),
        latents=asked.latents,
        image=asked.image,
    )
    framed = replace(request, framing=asked.framing, negative_framing=asked.negative_framing)
    steered = replace(framed, mask=asked.mask, controls=tuple(asked.controls))
    return replace(steered, height=height, width=width, class_labels=tuple(asked.class_labels))
