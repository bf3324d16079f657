"""What cannot be done is one line, with the status that says whose fault it is."""

import json
import shutil
from collections.abc import Callable
from ctypes import byref, c_void_p
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.cpp.binding import BACKEND, BUNDLE, CANCELLED, INPUT, Asked, BundleOptions, Library, LibraryError
from tests.cpp.both import Both
from tests.cpp.build import Built
from tests.cpp.bundles import STEPS, many_schedulers

from accel_runtime.bundle.named_plans import add_plan
from accel_runtime.plans.file import encode_plan
from accel_runtime.plans.rule import Rule
from accel_runtime.plans.spec import PlanSpec

SPEC = PlanSpec(deep="full", scheduler="ddim", steps=STEPS)


def test_what_no_picture_can_be_made_of_is_refused(both: Both) -> None:
    image = np.zeros((1, 64, 64, 3), np.uint8)
    cases = [
        (Asked(()), SPEC, "prompts: expected one or more"),
        (Asked(("a",), size=(63, 64)), SPEC, "height: expected a positive multiple of"),
        (Asked(("a",), size=(0, 64)), SPEC, "height: expected 1 to 16384 pixels"),
        (Asked(("a", "b", "c"), negatives=("x", "y")), SPEC, "expected 1 or 3 negative prompts, got 2"),
        (Asked(("a",), seeds=(1, 2)), SPEC, "seeds: expected one per image, 1, got 2"),
        (Asked(("a",), images_per_prompt=1001), SPEC, "images: expected 1 to 1000"),
        (Asked(("a",), guidance=float("nan")), SPEC, "guidance: expected a finite number"),
        (Asked(("a",), guidance_rescale=2.0), SPEC, "guidance rescale: expected 0 to 1"),
        (Asked(("a",), latents=np.zeros(5, np.float32)), SPEC, "latents: expected 1024 numbers, got 5"),
        (Asked(("a",), image=image, strength=0.0), SPEC, "strength: expected more than 0"),
        (Asked(("a",), image=image[:, :32], strength=0.5, size=(64, 64)), SPEC, "image: expected 1 or 1 of 64×64"),
        (Asked(("a",)), PlanSpec(deep="full", scheduler="none", steps=STEPS), "scheduler 'none' is not in the bundle"),
        (Asked(("a",)), PlanSpec(deep="full", scheduler="kdpm2", steps=7), "no table for 7 steps"),
        (Asked(("a",)), PlanSpec(deep="full"), "expected a number of steps"),
        (
            Asked(("a",), image=image, mask=image[..., 0]),
            PlanSpec(deep="full", scheduler="heun", steps=STEPS),
            "cannot put a picture under the noise of each call",
        ),
        (
            Asked(("a",)),
            PlanSpec(deep="every:2", branch=7, scheduler="ddim", steps=STEPS),
            "the bundle has no branch 7",
        ),
        (Asked(("a",)), PlanSpec(deep=(0, 9), scheduler="ddim", steps=STEPS), "call 9 is outside 0…4"),
        (Asked(("a",)), PlanSpec(deep="every:2", guided_calls=(1, 2), scheduler="ddim", steps=STEPS), "was not"),
    ]
    for asked, spec, text in cases:
        with pytest.raises(LibraryError, match=text) as failed:
            both.drawn_by_cpp(spec, asked)
        assert failed.value.status == INPUT, text
        assert "\n" not in str(failed.value)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "no JSON"),
        (b"[]", "expected an object"),
        (b'{"deep": "full"}', "expected a plan of version 1 or 2, got none"),
        (b'{"version": true, "deep": "full"}', "expected a plan of version 1 or 2"),
        (b'{"version": 3, "deep": "full"}', "got version 3, whose rule"),
        (b'{"version": 4, "deep": "full"}', "got version 4, which merges tokens"),
        (b'{"version": 5, "deep": "full"}', "got version 5, whose late calls are gated"),
        (b'{"version": 6, "deep": "full"}', "got version 6: take a newer libaccel"),
        (b'{"version": 0, "deep": "full"}', "got version 0"),
        (b'{"version": 1, "deep": [0], "skip": []}', "skip: expected version 2"),
        (b'{"version": 2, "deep": "every:0"}', "every:N with N ≥ 1"),
        (b'{"version": 2, "deep": [1]}', "the first call must be deep"),
        (b'{"version": 2, "deep": [0, 0]}', "ascending"),
        (b'{"version": 2, "deep": [0], "colour": 1}', "unknown key `colour`"),
        (b'{"version": 2, "deep": [0], "branch": 1.5}', "branch: expected a whole number"),
        (b'{"version": 2, "deep": [0], "branches": {"01": 1}}', "expected the number of a call as key"),
        (b'{"version": 2, "deep": [0], "weights": {"0": [1]}}', "got that of a deep one"),
        (b'{"version": 2, "deep": [0], "weights": {"1": [1, 1]}}', "expected 1 to 1 weights"),
        (b'{"version": 2, "deep": [0], "skip": [1]}', "rows: expected a solved row"),
        (b'{"version": 2, "deep": [0], "rows": {"0": {"a": [1], "b": [1]}}}', "scheduler: expected the scheduler"),
        (b'{"version": 2, "deep": [0], "forecast": "cubic"}', "forecast: expected one of"),
        (b'{"version": 2, "deep": [0], "guided_calls": [2, 1]}', "guided_calls: expected a first and a last"),
        (b'{"version": 2, "deep": [0], "steps": 1e999}', "no JSON"),
        (b"[" * 100_000, "no JSON"),
    ],
)
def test_a_plan_that_is_none_is_refused(library: Library, content: bytes, text: str) -> None:
    with pytest.raises(LibraryError, match=text) as failed:
        library.made("plan_parse", content, len(content))
    assert failed.value.status == INPUT


def test_a_solved_plan_keeps_its_scheduler_and_steps(both: Both) -> None:
    library = both.library
    plan = library.made("plan_open", both.bundle, b"fast")
    try:
        for setter, value in (("scheduler", b"euler"), ("steps", 4)):
            with pytest.raises(LibraryError, match=f"it was solved for its own {setter}"):
                library.call(f"plan_set_{setter}", plan, value)
        library.call("plan_set_scheduler", plan, b"ddim")
    finally:
        library.close("plan", plan)


def test_a_plan_with_a_rule_is_refused_and_leaves_the_others_of_its_bundle(library: Library, tmp_path: Path) -> None:
    ruled = PlanSpec(deep=(0,), rule=Rule(signal="noise", threshold=0.3, most_deep=3), scheduler="ddim", steps=STEPS)
    folder = changed(tmp_path, lambda folder: add_plan(folder, "ruled", ruled))
    (tmp_path / "ruled.json").write_bytes(encode_plan(ruled))
    bundle = library.open_bundle(folder)
    try:
        for text in ("ruled", str(tmp_path / "ruled.json"), "rule:noise:0.3:3"):
            with pytest.raises(LibraryError, match="only the Python runtime runs rules") as failed:
                library.made("plan_open", bundle, text.encode())
            assert failed.value.status == INPUT
        library.close("plan", library.made("plan_open", bundle, b"fast"))
    finally:
        library.close("bundle", bundle)


def test_a_plan_of_no_name_is_refused_with_the_names_that_there_are(both: Both) -> None:
    for text in ("slow", "every:0", "calls:", "calls:1,2", "calls:0,x", "/no/such/plan.json"):
        with pytest.raises(LibraryError, match="plan"):
            both.library.made("plan_open", both.bundle, text.encode())


def test_a_cancelled_request_draws_nothing(both: Both) -> None:
    with pytest.raises(LibraryError, match="before the first call") as failed:
        both.drawn_by_cpp(SPEC, Asked(("a",), cancelled=True))
    assert failed.value.status == CANCELLED


def changed(tmp_path: Path, change: Callable[[Path], object]) -> Path:
    folder = tmp_path / "bundle"
    shutil.copytree(many_schedulers(), folder)
    change(folder)
    return folder


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda folder: (folder / "accel.json").unlink(), "not a bundle"),
        (lambda folder: (folder / "unet/weights.data").unlink(), "weights.data: missing"),
        (lambda folder: (folder / "unet/weights.data").write_bytes(b"short"), "expected .* bytes, got 5"),
        (lambda folder: (folder / "accel.json").write_text("{}"), "not what accel.json.sha256 says"),
        (lambda folder: (folder / "accel.json.sha256").write_text("what"), "expected one line"),
        (
            lambda folder: (
                (folder / "model_index.json").rename(folder / "x") and (folder / "model_index.json").symlink_to("x")
            ),
            "a link",
        ),
    ],
)
def test_a_bundle_that_was_changed_is_refused(library: Library, tmp_path: Path, change: Any, text: str) -> None:
    folder = changed(tmp_path, change)

    with pytest.raises(LibraryError, match=text) as failed:
        library.open_bundle(folder)
    assert failed.value.status == BUNDLE


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("source", {"from": "colour"}, r"inputs\[0\].source.from: expected one of text, sizes"),
        ("source", {"from": "mask", "graph": "unet"}, r"inputs\[0\].source: unknown key `graph`"),
        ("source", {"from": "labels", "classes": 0}, r"inputs\[0\].source.classes: expected"),
        ("source", {"from": "control", "graph": "none"}, r"denoiser.inputs: none: no graph 'none'"),
        ("source", {"from": "control_scales"}, r"inputs\[0\].negative: expected 'same'"),
        ("colour", 1, r"inputs\[0\]: unknown key `colour`"),
    ],
)
def test_a_source_that_is_none_is_refused_with_its_key(
    library: Library, tmp_path: Path, key: str, value: object, text: str
) -> None:
    def change(folder: Path) -> None:
        manifest = json.loads((folder / "accel.json").read_text())
        manifest["denoiser"]["inputs"][0][key] = value
        (folder / "accel.json").write_text(json.dumps(manifest))
        (folder / "accel.json.sha256").unlink()

    with pytest.raises(LibraryError, match=text) as failed:
        library.open_bundle(changed(tmp_path, change))
    assert failed.value.status == BUNDLE


def test_one_byte_of_the_weights_is_found_by_hashes_and_not_by_sizes(library: Library, tmp_path: Path) -> None:
    def flip(folder: Path) -> None:
        with (folder / "unet/weights.data").open("r+b") as file:
            file.seek(1000)
            byte = file.read(1)
            file.seek(1000)
            file.write(bytes([byte[0] ^ 1]))

    folder = changed(tmp_path, flip)

    with pytest.raises(LibraryError, match="content changed"):
        library.open_bundle(folder)
    library.close("bundle", library.open_bundle(folder, verification=1))


def test_a_bundle_that_changes_while_it_is_open_is_refused(library: Library, cpp: Built, tmp_path: Path) -> None:
    folder = changed(tmp_path, lambda _: None)
    both = Both.open(library, folder, onnxruntime=cpp.onnxruntime)
    (folder / "unet/weights.data").touch()

    with pytest.raises(LibraryError, match="changed since the bundle was opened"):
        both.drawn_by_cpp(SPEC, Asked(("a",)))
    both.close()


def test_another_digest_is_another_bundle(library: Library) -> None:
    folder = many_schedulers()
    opened = library.open_bundle(folder, verification=1)
    digest = library.text("bundle_digest", opened)
    library.close("bundle", opened)
    assert digest is not None

    library.close("bundle", library.open_bundle(folder, verification=1, digest=digest))
    with pytest.raises(LibraryError, match="another bundle"):
        library.open_bundle(folder, verification=1, digest="0" * 64)
    with pytest.raises(LibraryError, match="64 hexadecimal digits") as failed:
        library.open_bundle(folder, verification=1, digest="what")
    assert failed.value.status == INPUT


@pytest.mark.parametrize(
    ("path", "provider", "status", "text"),
    [
        ("/no/such/libonnxruntime.so", "cpu", BACKEND, "cannot load ONNX Runtime"),
        ("libm.so.6", "cpu", BACKEND, "not ONNX Runtime"),
        (None, "gpu", INPUT, "unknown provider 'gpu': expected one of cpu, cuda"),
        (None, "cuda", BACKEND, "has no CUDAExecutionProvider, only"),
        (None, "rocm", BACKEND, "has no ROCMExecutionProvider"),
    ],
)
def test_a_backend_that_cannot_be_had_is_refused(
    library: Library, cpp: Built, *, path: str | None, provider: str, status: int, text: str
) -> None:
    with pytest.raises(LibraryError, match=text) as failed:
        library.open_backend(Path(path) if path else cpp.onnxruntime, provider=provider)
    assert failed.value.status == status


def test_null_is_refused_and_never_followed(library: Library) -> None:
    nothing = c_void_p()
    for name, arguments in {
        "bundle_open": (None, None, byref(c_void_p())),
        "plan_open": (nothing, b"full", byref(c_void_p())),
        "plan_set_steps": (nothing, 5),
        "request_add_prompt": (nothing, b"a"),
        "request_shape": (nothing, nothing, nothing),
        "pipeline_create": (nothing, nothing, byref(c_void_p())),
        "generate": (nothing, nothing, nothing, None, 0, None, 0),
        "noise_draw": (nothing, None, 1),
        "bundle_tokenize": (nothing, None, None, None, 0, None, None),
    }.items():
        with pytest.raises(LibraryError, match="got NULL") as failed:
            library.call(name, *arguments)
        assert failed.value.status == INPUT
    for kind in ("bundle", "backend", "pipeline", "plan", "request", "noise"):
        library.close(kind, nothing)
    unsized = BundleOptions(0, 0, None)
    with pytest.raises(LibraryError, match="expected their size"):
        library.made("bundle_open", b"x", byref(unsized))
