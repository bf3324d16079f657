"""Records of older formats, as documents of the present one.

A document is changed as far as its form is known; whatever else is wrong with it is told when it is read.
"""

import re
from typing import Any, Final

from accel_runtime.errors import InputError
from accel_runtime.plans.deep_calls import parse_deep_calls

# By kind and format, the format that a document of it becomes, and the key of what holds its plans.
_PLANS_AS_TEXT: Final[dict[tuple[str, int], tuple[int, str]]] = {
    ("bench", 2): (3, "plans"),
    ("evaluation", 2): (3, "trials"),
    ("scenario", 1): (2, "runs"),
    ("search", 1): (2, "tried"),
}
OLDER_FORMATS: Final = tuple(_PLANS_AS_TEXT)
# What the graphs of a bundle of schema 1 were for. No other file knows graphs by their names.
_ROLES: Final = {
    "text_encoder": {"part": "text"},
    "unet_deep": {"part": "deep"},
    "vae_decoder": {"part": "decoder"},
    "vae_encoder": {"part": "encoder"},
}
_SHALLOW: Final = re.compile(r"unet_shallow_([0-9]{1,4})")
# What facts of a plan had before it was one value.
_PARTS: Final = ("branch", "forecast", "weights", "guided_calls", "scheduler", "steps")


def upgrade(document: dict[str, Any], kind: str, number: int) -> tuple[dict[str, Any], int]:
    """A record's document and format, brought to the present format where it is of an older one.

    Args:
        document: A record, which stays as it is.
        kind: Kind of the record.
        number: Format of the document.
    """
    if (kind, number) not in _PLANS_AS_TEXT:
        return document, number
    newer, key = _PLANS_AS_TEXT[kind, number]
    runs = document.get(key)
    changed = [_with_plan(run) for run in runs] if isinstance(runs, list) else runs
    upgraded = document | {"format": newer} | ({} if changed is None else {key: changed})
    return upgraded | ({"bundle": _with_roles(document["bundle"])} if "bundle" in document else {}), newer


def _with_roles(bundle: Any) -> Any:
    """Facts of a bundle whose graphs say what they are for."""
    graphs = bundle.get("graphs") if isinstance(bundle, dict) else None
    if not isinstance(graphs, dict):
        return bundle
    return bundle | {"graphs": {name: _with_role(name, graph) for name, graph in graphs.items()}}


def _with_role(name: str, graph: Any) -> Any:
    if shallow := _SHALLOW.fullmatch(name):
        role = {"part": "shallow", "branch": int(shallow[1])}
    else:
        role = {**_ROLES.get(name, {})}
    return role | graph if isinstance(graph, dict) else graph


def _with_plan(run: Any) -> Any:
    """A run whose facts have the plan as one value."""
    facts = run.get("facts") if isinstance(run, dict) else None
    if not isinstance(facts, dict):
        return run
    kept = {key: value for key, value in facts.items() if key not in (*_PARTS, "plan", "deep_calls")}
    return run | {"facts": kept | {"plan": _plan(facts)}}


def _plan(facts: dict[str, Any]) -> dict[str, Any]:
    """The plan; an older record has null as branch and forecast where every call is deep."""
    parts = {key: facts[key] for key in _PARTS if facts.get(key) is not None}
    return {"version": 1, "deep": _deep(facts.get("plan"))} | parts


def _deep(text: Any) -> Any:
    try:
        return parse_deep_calls(text)
    except (InputError, TypeError):
        return text
