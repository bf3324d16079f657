"""Changes to what a file holds: seeded, small, and of the kinds that break readers.

Each takes what is there and a random generator, and returns something else of the same type.
"""

import copy
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, Final

import msgspec

# What stands for a number, a text or anything else in a document that a stranger wrote.
NUMBERS: Final = (0, -1, 1, 2, 7, 2**31, 2**40, 2**63, -(2**63), 10**12, 10**30, 0.5, -0.0, 1e-320, 1e308, -1e308)
TEXTS: Final = (
    "",
    "x",
    "../../etc/passwd",
    "/etc/passwd",
    "a[/x]/b",
    "[bold]b[/bold]",
    "\x1b]52;c;YQ==\x07",
    "\x1b[2J",
    "a\nb",
    "a\x00b",
    "\u202eabc",
    "é" * 300,
    "x" * 100_000,
    "(a+)+$",
    "<script>alert(1)</script>",
    "version https://git-lfs.github.com/spec/v1",
)
OTHERS: Final[tuple[Any, ...]] = (None, True, False, [], {}, [1], [[1]], {"x": 1}, [None] * 50)
DEEP: Final = "\ue000deep\ue000"
_NESTING: Final = 100_000


def change_bytes(raw: bytes, rng: Random) -> bytes:
    """Flip, overwrite, cut, repeat or insert bytes, at one place."""
    if not raw:
        return rng.randbytes(8)
    at, length = rng.randrange(len(raw)), rng.choice((1, 1, 2, 4, 8, 64, 4096))
    before, here, after = raw[:at], raw[at : at + length], raw[at + length :]
    change: Callable[[], bytes] = rng.choice(
        (
            lambda: before + bytes([raw[at] ^ (1 << rng.randrange(8))]) + raw[at + 1 :],
            lambda: before + rng.randbytes(len(here)) + after,
            lambda: before + bytes([rng.choice((0, 255))]) * len(here) + after,
            lambda: before,
            lambda: before + after,
            lambda: before + here + here + after,
            lambda: before + rng.randbytes(length) + raw[at:],
            lambda: raw + rng.randbytes(length),
        )
    )
    return change()


def change_document(document: Any, rng: Random) -> Any:
    """Change one to three values, keys or items of what JSON or TOML holds."""
    changed = copy.deepcopy(document)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        places = list(_places(changed))
        if not places:
            return copy.deepcopy(rng.choice(OTHERS))
        _change_at(*rng.choice(places), rng)
    return changed


def change_json(raw: bytes, rng: Random) -> bytes:
    """Change what a JSON file holds; now and then its bytes."""
    if rng.random() < 0.15:
        return change_bytes(raw, rng)
    return encode(change_document(msgspec.json.decode(raw), rng))


def encode(document: Any) -> bytes:
    """JSON, in which `DEEP` is nested so deeply that nobody decodes it."""
    raw = msgspec.json.encode(document)
    return raw.replace(msgspec.json.encode(DEEP), b"[" * _NESTING + b"]" * _NESTING)


def change_text(raw: bytes, rng: Random) -> bytes:
    """Change a line of a text, or a word of one; now and then its bytes."""
    lines = raw.decode("utf-8", "replace").split("\n")
    at = rng.randrange(len(lines))
    kind = rng.randrange(8)
    if kind == 0:
        return change_bytes(raw, rng)
    if kind == 1:
        del lines[at]
    elif kind == 2:
        lines.insert(at, rng.choice(lines))
    elif kind == 3:
        lines.insert(at, rng.choice(TEXTS))
    elif kind == 4:
        key, _, _ = lines[at].partition("=")
        lines[at] = f"{key}= {rng.choice((_toml(rng), _toml(rng), '[' * _NESTING, '9' * 5000))}"
    else:
        words = lines[at].split(" ")
        words[rng.randrange(len(words))] = rng.choice((_toml(rng), str(rng.choice(NUMBERS)), rng.choice(TEXTS)))
        lines[at] = " ".join(words)
    return "\n".join(lines).encode("utf-8", "replace")


def _toml(rng: Random) -> str:
    value: Any = rng.choice((*NUMBERS, *TEXTS, True, [], {}, [1], ["x"]))
    return str(value).lower() if isinstance(value, bool) else msgspec.json.encode(value).decode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container with each of its keys."""
    if isinstance(value, dict):
        keys: Any = list(value)
    elif isinstance(value, list):
        keys = range(len(value))
    else:
        return
    for key in keys:
        yield value, key
        yield from _places(value[key])


def _change_at(container: Any, key: Any, rng: Random) -> None:
    old, kind = container[key], rng.randrange(10)
    if kind == 0:
        del container[key]
    elif kind == 1 and isinstance(container, list):
        container.insert(key, copy.deepcopy(old))
    elif kind == 1:
        container[rng.choice(TEXTS)] = container.pop(key)
    elif kind == 2:
        container[key] = copy.deepcopy(rng.choice(OTHERS))  # its own, or it could come to hold itself
    elif kind == 3:
        other = rng.choice(list(container) if isinstance(container, dict) else range(len(container)))
        container[key], container[other] = container[other], old
    elif kind == 4 and rng.random() < 0.2:
        container[key] = DEEP
    else:
        container[key] = _other_value(old, rng)


def _other_value(old: Any, rng: Random) -> Any:
    if isinstance(old, bool):
        return not old
    if isinstance(old, (int, float)):
        return rng.choice((*NUMBERS, old + 1, old - 1, -old, old * 2))
    if isinstance(old, str):
        return rng.choice((*TEXTS, old + "x", old[:-1], old.upper()))
    return rng.choice((*NUMBERS, *TEXTS))
