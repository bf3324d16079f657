r"""Devices by name: a few words that stand next to each other in what the driver calls them.

Words are letters, digits and `_`, in any case; whatever else there is parts them. One that ends in `*` stands for all
that begin so. There is no more to it, so that a profile of anyone's is compared in time that its length bounds.
"""

import re
from typing import Final

_WORD: Final = re.compile(r"\w+")
_WORD_OR_START: Final = re.compile(r"\w+\*?")
# What no driver writes, and a regular expression would.
_FOREIGN: Final = re.compile(r"[\\\[\]{}^$|?]|(?<!\w)\*")
_LONGEST: Final = 200


def is_name(text: str) -> bool:
    r"""Whether ``text`` can be looked for.

    >>> [is_name(text) for text in ("H100 SXM*", "Intel(R) Xeon(R)", r"\bH100", "(a+)+$", "", "*")]
    [True, True, False, False, False, False]
    """
    return len(text) <= _LONGEST and _FOREIGN.search(text) is None and _WORD.search(text) is not None


def is_named(device: str, name: str) -> bool:
    """Whether what the driver calls a ``device`` holds ``name``.

    >>> [is_named("NVIDIA H100-SXM5 80GB", name) for name in ("h100 sxm*", "H100", "H1", "SXM5 H100")]
    [True, True, False, False]
    """
    words, wanted = _WORD.findall(device.lower()), _WORD_OR_START.findall(name.lower())
    places = range(len(words) - len(wanted) + 1)
    return any(all(_fits(words[at + step], each) for step, each in enumerate(wanted)) for at in places)


def _fits(word: str, wanted: str) -> bool:
    return word.startswith(wanted[:-1]) if wanted.endswith("*") else word == wanted
