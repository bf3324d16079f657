"""Options of `accel export` for what people have beside a model: LoRA, learned words, another autoencoder."""

from pathlib import Path
from typing import Annotated, Final

import typer

CHANGES: Final = "Changes to the model"

Config = Annotated[
    Path | None,
    typer.Option(
        help="For a checkpoint in one file: a diffusers folder of its architecture; only configs and tokenizers are "
        "read.",
        show_default="as its tensors tell",
        rich_help_panel="The model",
    ),
]
Loras = Annotated[
    list[str] | None,
    typer.Option(
        "--lora",
        metavar="FILE[=SCALE]",
        help="Add a LoRA to the weights, such as style.safetensors=0.8; repeat.",
        show_default=False,
        rich_help_panel=CHANGES,
    ),
]
Embeddings = Annotated[
    list[str] | None,
    typer.Option(
        "--embedding",
        metavar="FILE[=WORD]",
        help="Add a word of textual inversion, by its own name or by WORD; repeat.",
        show_default=False,
        rich_help_panel=CHANGES,
    ),
]
Vae = Annotated[
    Path | None,
    typer.Option(
        help="Another autoencoder: a folder of an AutoencoderKL or AutoencoderTiny, or a file in the original layout.",
        show_default="the model's",
        rich_help_panel=CHANGES,
    ),
]
ClipSkip = Annotated[
    int,
    typer.Option(
        help="Let prompts do without this many of the text encoder's last layers, as diffusers' clip_skip.",
        rich_help_panel=CHANGES,
    ),
]
