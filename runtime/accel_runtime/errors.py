"""Every error this project raises on purpose.

    AccelError
    ├── InputError         an argument of the caller's: size, steps, plan, prompt, path
    ├── SourceError        the pipeline to export: missing component, broken weights, download
    ├── ExportError        the export itself: unsupported structure, tolerance, no disk space
    ├── BundleError        a bundle on disk: manifest, hash, missing file
    ├── BackendError       what executes graphs: provider, session, fall-back
    ├── WriteError         a file or folder to write: disk full, read-only, in somebody else's hands
    ├── NumericsError      numbers that are none: NaN or infinity in latents or pixels
    └── MissingExtraError  a package that an extra would install

A message is one line: what, expected, got, what to do.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from accel_runtime.printable import shortened


class AccelError(Exception):
    """The base of all errors raised on purpose; anything else is a bug of ours."""

    exit_code = 1

    def __str__(self) -> str:
        """The message in one line that can be read, whatever names and texts of others it quotes."""
        return shortened(" ".join(super().__str__().splitlines()))


class InputError(AccelError):
    """An argument of the caller's that cannot be used."""

    exit_code = 2


class SourceError(AccelError):
    """The pipeline to export cannot be found or read."""


class ExportError(AccelError):
    """The pipeline was read, but cannot be turned into a bundle."""


class BundleError(AccelError):
    """A bundle on disk is incomplete, changed or malformed."""


class BackendError(AccelError):
    """A graph cannot be executed as asked."""


class WriteError(AccelError):
    """A file or folder cannot be written; what lay there is as it was."""


class NumericsError(AccelError):
    """Latents or pixels became NaN or infinite, so there is no picture."""


NUMERICS_ADVICE = (
    "half precision overflows in some models: export with --dtype bf16 or fp32; in these, lower the guidance"
)


def first_line(error: BaseException) -> str:
    """What a library says went wrong, without the pages that follow; its type where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


@contextmanager
def explained(what: str, *, reason: Callable[[BaseException], str] = first_line) -> Iterator[None]:
    """Turn whatever a library raises within the block into one line that begins with ``what``.

    Args:
        what: Went wrong, and where.
        reason: How the library's exceptions are read.

    Raises:
        BackendError: Instead of exceptions that have no common base but `Exception`.
    """
    try:
        yield
    except AccelError:
        raise
    except Exception as error:
        raise BackendError(f"{what}: {reason(error)}") from error


class MissingExtraError(AccelError):
    """A package is missing that one of our extras installs."""

    exit_code = 2

    def __init__(self, package: str, *, extra: str) -> None:
        """Name the missing ``package`` and the command that brings it."""
        super().__init__(f"{package} is not installed: run `pip install 'accel-sd[{extra}]'`")
