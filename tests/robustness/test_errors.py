"""An error is one line that can be read, whatever it quotes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accel_runtime.errors import AccelError, BundleError


@given(text=st.text())
def test_a_message_is_one_line(text: str) -> None:
    assert len(str(BundleError(f"file: {text}: do this")).splitlines()) == 1


def test_a_message_keeps_its_words_and_the_breaks_become_blanks() -> None:
    assert str(AccelError("no tensor a\nb\r\nc")) == "no tensor a b c"


@pytest.mark.parametrize("length", [10, 10**6])
def test_a_message_shows_what_it_is_about_and_what_to_do_however_long_the_name_between_is(length: int) -> None:
    said = str(AccelError(f"accel.json: unknown field {'x' * length}: export the bundle again"))

    assert said.startswith("accel.json: unknown field x")
    assert said.endswith("x: export the bundle again")
    assert len(said) < 2100
