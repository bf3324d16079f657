"""The code of docs/solving.md, run as it stands there on a small bundle."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "solving.md"


def test_the_page_tries_a_predictor_of_ones_own_in_twenty_lines(
    bundle_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)

    exec(compile(code.replace('"tiny-bundle"', repr(str(bundle_folder))), str(PAGE), "exec"), {})  # noqa: S102

    ridged, plain = (float(line.rpartition(" ")[2]) for line in capsys.readouterr().out.splitlines())
    assert ridged == pytest.approx(plain, rel=1.0)
    assert len([line for line in code.splitlines() if line]) < 30
