"""What command lines say of the bundle that they open."""

from typing import Annotated

import typer

Digest = Annotated[
    str | None,
    typer.Option(
        "--digest",
        metavar="HEX",
        help="Open only the bundle of this digest, which `accel inspect` shows: the sha256 of its accel.json.",
    ),
]
