"""Draw the latents of all files anew, with the Python runtime: ``python -m tests.contract.write``."""

import msgspec
import numpy as np
from tests.bundles import family_bundle
from tests.contract.cases import FOLDER, Latents, names, read

from accel_runtime import open_bundle

_DIGITS = 7


def write(name: str) -> None:
    """Draw those of one file, whose other parts stay."""
    path = FOLDER / f"{name}.json"
    case = read(name)
    drawn = case.drawn_by(open_bundle(family_bundle(case.bundle), verification="sizes"))
    values = tuple(float(np.format_float_positional(value, _DIGITS, fractional=False)) for value in drawn.ravel())
    latents = msgspec.to_builtins(Latents(drawn.shape, values))
    document = {**msgspec.json.decode(path.read_bytes()), "latents": latents}
    lines = [
        f"  {msgspec.json.encode(key).decode()}: {msgspec.json.encode(part).decode()}" for key, part in document.items()
    ]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    for each in names():
        write(each)
