r"""Match devices by name: a few words that stand next to each other in the driver's name of the device.

Words consist of letters, digits and `_`, and case is ignored; any other character separates them. A word that ends in
`*` matches every word with that beginning. There is no more syntax, so the time of a comparison is bounded by the
length of the profile, whoever wrote it.
"""

import re
from typing import Final

_WORD: Final = re.compile(r"\w+")
_WORD_OR_START: Final = re.compile(r"\w+\*?")
# Characters of regular expressions, which no driver writes.
_FOREIGN: Final = re.compile(r"[\\\[\]{}^$|?]|(?<!\w)\*")
_LONGEST: Final = 200


def is_name(text: str) -> bool:
    r"""Whether ``text`` is a name that devices can be matched with.

    >>> [is_name(text) for text in ("H100 SXM*", "Intel(R) Xeon(R)", r"\bH100", "(a+)+$", "", "*")]
    [True, True, False, False, False, False]
    """
    return len(text) <= _LONGEST and _FOREIGN.search(text) is None and _WORD.search(text) is not None


def is_named(device: str, name: str) -> bool:
    """Whether ``name`` occurs in ``device``, the driver's name of a device.

    >>> [is_named("NVIDIA H100-SXM5 80GB", name) for name in ("h100 sxm*", "H100", "H1", "SXM5 H100")]
    [True, True, False, False]
    """
    words, wanted = _WORD.findall(device.lower()), _WORD_OR_START.findall(name.lower())
    places = range(len(words) - len(wanted) + 1)
    return any(all(_fits(words[at + step], each) for step, each in enumerate(wanted)) for at in places)


def _fits(word: str, wanted: str) -> bool:
    return word.startswith(wanted[:-1]) if wanted.endswith("*") else word == wanted
