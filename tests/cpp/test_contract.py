"""libaccel draws what the files of tests/contract say."""

import pytest
from tests.bundles import family_bundle
from tests.contract.cases import names, read
from tests.cpp.binding import Asked, Library
from tests.cpp.build import Built

from accel_runtime.plans.file import encode_plan


@pytest.mark.parametrize("name", names())
def test_libaccel_draws_the_latents_of_the_file(library: Library, cpp: Built, name: str) -> None:
    case = read(name)
    request = case.request.request()
    height, width = request.height, request.width
    size = None if height is None or width is None else (height, width)
    names_of_both = ("prompts", "negatives", "images_per_prompt", "seed", "seeds", "image", "mask", "controls")
    more = ("framing", "negative_framing", "class_labels")
    numbers = {name: getattr(case.request, name) for name in ("guidance", "guidance_rescale", "strength")}
    asked = Asked(**{name: getattr(request, name) for name in (*names_of_both, *more)}, **numbers, size=size)
    bundle = library.open_bundle(family_bundle(case.bundle), verification=1)
    backend = library.open_backend(cpp.onnxruntime, threads=1)
    pipeline = library.made("pipeline_create", bundle, backend)
    plan = library.made("plan_parse", content := encode_plan(case.spec), len(content))

    _, latents = library.generate(pipeline, plan, asked, decodes=False)

    case.latents.check(latents)
    for kind, handle in (("plan", plan), ("pipeline", pipeline), ("backend", backend), ("bundle", bundle)):
        library.close(kind, handle)
