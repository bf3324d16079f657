"""libaccel runs the form of a bundle's graphs that Python runs."""

from pathlib import Path

import pytest
from tests.bundles import gating_bundle, merging_bundle
from tests.cpp.binding import BACKEND, INPUT, Asked, Library, LibraryError
from tests.cpp.both import Both
from tests.cpp.build import Built, run
from tests.cpp.bundles import many_schedulers

from accel_runtime.plans.spec import PlanSpec

SPEC = PlanSpec(deep="every:2", steps=4, scheduler="ddim")
ASKED = Asked(("a cat",), guidance=5.0, seed=3)


@pytest.mark.parametrize("form", [None, "plain", "native"])
def test_the_form_is_the_providers_first_that_the_bundle_has_or_the_one_asked_for(
    library: Library, cpp: Built, forms_folder: Path, form: str | None
) -> None:
    both = Both.open(library, forms_folder, onnxruntime=cpp.onnxruntime, form=form)

    assert library.text("pipeline_form", both.pipeline) == both.python.form == (form or "attention")
    both.check_equal(SPEC, ASKED)
    both.close()


@pytest.mark.parametrize(
    ("form", "status", "text"),
    [
        ("fused", INPUT, "form fused: cpu cannot run it, only attention, plain, native"),
        ("quick", INPUT, "form 'quick': expected one of plain, fused, attention, native"),
    ],
)
def test_a_form_that_cannot_be_run_is_refused(
    library: Library, cpp: Built, forms_folder: Path, *, form: str, status: int, text: str
) -> None:
    with pytest.raises(LibraryError, match=text) as failed:
        Both.open(library, forms_folder, onnxruntime=cpp.onnxruntime, form=form)
    assert failed.value.status == status


def test_a_form_that_the_bundle_lacks_is_refused(library: Library, cpp: Built) -> None:
    with pytest.raises(LibraryError, match="has no native graphs, only plain: export it") as failed:
        Both.open(library, many_schedulers(), onnxruntime=cpp.onnxruntime, form="native")
    assert failed.value.status == BACKEND


def test_the_command_takes_a_form(cpp: Built, forms_folder: Path, tmp_path: Path) -> None:
    options = ("--ort", cpp.onnxruntime, "--steps", 4, "-q", "-o", "out.png")
    done = [
        run(cpp.command, forms_folder, "cat", *options, "--form", form, folder=tmp_path) for form in ("plain", "fused")
    ]

    assert [each.returncode for each in done] == [0, 2]
    assert done[1].stderr == "accel-run: form fused: cpu cannot run it, only attention, plain, native: take plain\n"


def test_a_bundle_with_graphs_that_merge_tokens_draws_without_them(library: Library, cpp: Built) -> None:
    both = Both.open(library, merging_bundle(), onnxruntime=cpp.onnxruntime)

    both.check_equal(SPEC, ASKED)
    both.close()


def test_a_bundle_with_graphs_of_gated_calls_draws_without_them(library: Library, cpp: Built) -> None:
    both = Both.open(library, gating_bundle(), onnxruntime=cpp.onnxruntime)

    both.check_equal(SPEC, ASKED)
    both.close()
