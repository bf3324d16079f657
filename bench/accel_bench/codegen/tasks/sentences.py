"""Requests as sentences.

    take an SD1.5 pipeline (DDIM, 50 steps) as the baseline and achieve a 2.0× speed-up
    take an SD1.5 pipeline (DDIM, 50 steps) as the baseline and draw an image within 1.5 s on MI250

Two forms and no more: what stands before the pipeline is not read, and neither is what stands between `baseline and`
and the target's own words.
"""

import re
from typing import Any, Final

_FORM: Final = re.compile(
    r"(?:.*\b)?an? (?P<pipe>[\w. ]+?) pipeline \((?P<sched>[\w+ ]+), (?P<steps>[1-9][0-9]{0,2}|1000) steps\) "
    r"as the baseline and "
    r".*?(?:achieve an? (?P<speedup>[0-9]{1,6}(?:\.[0-9]{1,6})?) ?[x×] speed-?up|"
    r"within (?P<seconds>[0-9]{1,6}(?:\.[0-9]{1,6})?) ?s(?:econds?)? on (?P<device>[\w.-]+?))\.?",
    re.IGNORECASE | re.DOTALL,
)

# Longer ones take long to be found wanting.
_LONGEST: Final = 400
# As people and diffusers write them → as profiles do. Spaces are left out before.
_PIPES: Final = {"sd1.5": "sd15", "sd15": "sd15", "stablediffusion1.5": "sd15", "stablediffusionv1.5": "sd15"}
_SCHEDULERS: Final = {
    "ddim": "ddim",
    "pndm": "pndm",
    "unipc": "unipc",
    "unipcmultistep": "unipc",
    "dpmsolvermultistep": "dpmpp_2m",
    "dpm++2m": "dpmpp_2m",
    "euler": "euler",
}

FORMS: Final = (
    "'take an SD1.5 pipeline (DDIM, 50 steps) as the baseline and achieve a 2.0× speed-up' "
    "or '… within 1.5 s on MI250', "
    f"with a scheduler of {', '.join(_SCHEDULERS)}"
)


def parse_sentence(text: str) -> dict[str, Any] | None:
    """The parts of a request, by their names in a file of tasks; None where it has neither form.

    >>> parse_sentence("take an SD1.5 pipeline (DDIM, 50 steps) as the baseline and achieve a 2.0x speed-up")
    {'pipe': 'sd15', 'sched': 'ddim', 'steps': 50, 'speedup': 2.0}
    """
    match = _FORM.fullmatch(" ".join(text.split())) if len(text) <= _LONGEST else None
    if match is None:
        return None
    words = match.groupdict()
    pipe, sched = _PIPES.get(_plain(words["pipe"])), _SCHEDULERS.get(_plain(words["sched"]))
    if pipe is None or sched is None:
        return None
    parts: dict[str, Any] = {"pipe": pipe, "sched": sched, "steps": int(words["steps"])}
    if words["speedup"]:
        return {**parts, "speedup": float(words["speedup"])}
    return {**parts, "seconds": float(words["seconds"]), "device": words["device"].lower()}


def _plain(name: str) -> str:
    return "".join(name.split()).lower().removesuffix("scheduler")
