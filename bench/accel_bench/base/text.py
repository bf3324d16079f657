"""Shares as users write them."""

import re

from accel_runtime.errors import InputError


def parse_share(text: str, *, option: str) -> float:
    """A share from ``5%`` or ``0.05``.

    Raises:
        InputError: It is neither, or negative.

    >>> parse_share("5%", option="--tolerance"), parse_share("0.02", option="--tolerance")
    (0.05, 0.02)
    """
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]+)?|\.[0-9]+)(%?)", text.strip())
    if match is None:
        raise InputError(f"{option} {text!r}: expected a share such as 5% or 0.05")
    return float(match[1]) / (100 if match[2] else 1)
