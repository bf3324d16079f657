"""Every row of the page of families: latents and pixels are those of diffusers' pipeline of that name."""

from pathlib import Path

import pytest
from tests.parity.compare_family import compare_family
from tests.parity.families import FAMILY_CASES, Case

PAGE = Path(__file__).parents[2] / "docs" / "parity-families.md"


@pytest.mark.parametrize("case", FAMILY_CASES, ids=lambda each: each.label)
def test_a_family_draws_what_diffusers_pipeline_draws(case: Case) -> None:
    found = compare_family(case)

    assert found.relative <= 1e-5
    assert found.pixels <= 1


def test_the_page_has_a_row_for_each_of_them() -> None:
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    told = {tuple(cell.strip(" `") for cell in row.split("|")[1:4]) for row in rows}

    assert {(case.family, case.pipeline, case.scheduler) for case in FAMILY_CASES} <= told
