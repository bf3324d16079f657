"""Mute libraries that load models, and shorten their errors to a part of one line."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

_LONGEST: Final = 160


def one_line(error: BaseException) -> str:
    """Return what ``error`` says without line breaks, cut to a readable length."""
    line = " ".join(str(error).split()) or type(error).__name__
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


@contextmanager
def quiet() -> Iterator[None]:
    """Mute logs, warnings and progress bars of diffusers and transformers, and restore them after."""
    before = [(library, library.get_verbosity()) for library in (diffusers_logging, transformers_logging)]
    bars = [library for library, _ in before if library.is_progress_bar_enabled()]
    try:
        for library, _ in before:
            library.set_verbosity(logging.CRITICAL)
            library.disable_progress_bar()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for library, level in before:
            library.set_verbosity(level)
        for library in bars:
            library.enable_progress_bar()
