"""API keys: one a line of a file; only their hashes stay in memory."""

import hashlib
import hmac
from collections.abc import Iterable
from pathlib import Path

from accel_runtime.errors import InputError


class Keys:
    """The keys that a service takes; without any it takes everybody.

    Every key is compared in full whatever comes, so the time of an answer tells nothing of them.

    >>> keys = Keys(["secret"])
    >>> keys.client("Bearer secret") == keys.client("Bearer other")
    False
    >>> keys.client("Bearer other") is None
    True
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self._hashes = tuple(_hash(key) for key in keys)

    @classmethod
    def read(cls, path: Path) -> "Keys":
        """The keys of a file; empty lines and lines that begin with `#` are none.

        Raises:
            InputError: It cannot be read, or has no key.
        """
        try:
            lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8"
            raise InputError(f"--api-key-file {path}: expected a key a line: {reason}") from error
        keys = [line for line in lines if line and not line.startswith("#")]
        if not keys:
            raise InputError(f"--api-key-file {path}: expected a key a line, got none")
        return cls(keys)

    @property
    def are_asked(self) -> bool:
        """Whether a key is needed."""
        return bool(self._hashes)

    def client(self, authorization: str) -> str | None:
        """Which key an `Authorization` header has, as a name that does not tell it; None for a wrong one."""
        scheme, _, key = authorization.partition(" ")
        given = _hash(key.strip())
        matches = [hmac.compare_digest(known, given) for known in self._hashes]
        if scheme.lower() != "bearer" or not any(matches):
            return None
        return f"key-{matches.index(True)}"


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode(errors="surrogateescape")).digest()
