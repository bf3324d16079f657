"""The Python runtime draws what the files of this folder say."""

import pytest
from tests.bundles import family_bundle
from tests.contract.cases import names, read

from accel_runtime import open_bundle


@pytest.mark.parametrize("name", names())
def test_python_draws_the_latents_of_the_file(name: str) -> None:
    case = read(name)

    case.latents.check(case.drawn_by(open_bundle(family_bundle(case.bundle), verification="sizes")))
