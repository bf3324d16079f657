"""Try each provider in a process of its own, since a driver that does not fit may crash or hang it.

``python -m accel_bench.doctor.probing NAME [BUNDLE]`` prints a `Finding` as JSON.
"""

import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import Final

import msgspec

from accel_bench.base.process import failure, run_module
from accel_runtime.backends import BackendDescription, make_backend
from accel_runtime.backends.onnxruntime.providers import PROVIDERS
from accel_runtime.backends.probe import run_probe
from accel_runtime.base.reading import decode_json
from accel_runtime.bundle.bundle import read_bundle
from accel_runtime.bundle.forms import choose_form
from accel_runtime.denoising.components import Components
from accel_runtime.errors import AccelError, BackendError

CANDIDATES: Final = (*PROVIDERS, "openvino")
_SECONDS: Final = 120
# Some providers compile for minutes.
_SECONDS_TO_OPEN: Final = 1800


class Finding(msgspec.Struct, frozen=True):
    """Whether one provider works here.

    Attributes:
        provider: Short name of the provider.
        usable: Whether it computed the probe graph correctly and opened the bundle, if one was given.
        reason: Why it is not usable, and what to do; empty if it is usable.
        ran: Description of the backend; None if it is not usable.
    """

    provider: str
    usable: bool
    reason: str = ""
    ran: BackendDescription | None = None


def probe(provider: str, bundle: Path | None = None) -> Finding:
    """Run the probe graph on ``provider`` in this process, and open every graph of ``bundle``."""
    try:
        backend = make_backend(provider)
        run_probe(backend)
        if bundle is not None:
            opened = read_bundle(bundle, verification="sizes")
            form = choose_form(opened, backend.name)
            deque(Components(opened, backend, form=form, stay="in use").open_all(), maxlen=0)
    except AccelError as error:
        return Finding(provider, usable=False, reason=str(error))
    return Finding(provider, usable=True, ran=backend.describe())


def probe_apart(provider: str, bundle: Path | None = None) -> Finding:
    """Do what `probe` does in a process of its own."""
    command = run_module("accel_bench.doctor.probing", provider, *([bundle] if bundle else []))
    seconds = _SECONDS if bundle is None else _SECONDS_TO_OPEN
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=seconds)  # noqa: S603  # our module
    except subprocess.TimeoutExpired:
        return Finding(provider, usable=False, reason=f"it did not answer within {seconds} s: its driver hangs")
    if done.returncode == 0:
        try:
            return decode_json(done.stdout, Finding, path="its process's answer", error=BackendError)
        except BackendError as error:
            return Finding(provider, usable=False, reason=str(error))
    reason = f"its process failed: {failure(done.returncode, done.stderr.decode(errors='replace'))}"
    return Finding(provider, usable=False, reason=reason)


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(probe(sys.argv[1], *map(Path, sys.argv[2:]))))
