"""The stages of training. Each one starts from files of the one before, so stages can be run alone and resumed."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import torch
from diffusers import DDPMScheduler
from transformers import CLIPTokenizer

from accel_exporter.sources.random_weights import open_random
from accel_training.autoencoder import Round, encode_pictures, spread, train_autoencoder
from accel_training.captions import all_captions
from accel_training.compose import ANYWHERE, CENTRED, Placement, Pool, make_pool
from accel_training.diffusion import CaptionedLatents, TextToNoise, kept_latents, train_diffusion
from accel_training.gallery import draw_gallery, plot_curves
from accel_training.loop import Recipe
from accel_training.objects import OBJECTS
from accel_training.pictures import Picture, load_pictures
from accel_training.scorer import EmojiClip, export_scorer, train_scorer
from accel_training.ship import ship_captions, ship_pipeline
from accel_training.tokenizer import save_tokenizer, train_tokenizer

ARCHITECTURE: Final = "tiny"
SEED: Final = 0
PER_PAIR: Final = 6  # pictures of every object on every colour, with different sizes and places
PER_PAIR_OF_CROPS: Final = 1  # random crops vary them further


@dataclass(frozen=True, slots=True)
class DiffusionRound:
    """One round of the diffusion model's training.

    Attributes:
        recipe: Steps, batch and learning rate.
        labels: Labels of the objects; empty for all.
        placement: Placement of the objects.
    """

    recipe: Recipe
    labels: frozenset[str] | None
    placement: Placement


AUTOENCODER: Final = (
    Round(Recipe(steps=1800, batch=16, rate=1e-3, seed=SEED), features_from=1260, feature_weight=0.25),
    Round(Recipe(steps=1600, batch=16, rate=1e-3, seed=SEED + 1), features_from=0, feature_weight=0.1),
)
# Words, colours and shapes from everything first; then fewer objects, always in the middle, until they are sharp.
DIFFUSION: Final = (
    DiffusionRound(Recipe(steps=2250, batch=32, rate=1e-3, seed=SEED), None, ANYWHERE),
    DiffusionRound(Recipe(steps=3400, batch=32, rate=1e-3, seed=SEED + 1), OBJECTS, CENTRED),
)
SCORER: Final = Recipe(steps=700, batch=128, rate=1e-3, decay=0.99, seed=SEED)

REPOSITORY: Final = Path(__file__).parents[2]
ARCHITECTURES: Final = REPOSITORY / "exporter/accel_exporter/sources/architectures"
IMAGES: Final = REPOSITORY / "docs/images"
EVALUATION: Final = REPOSITORY / "bench/accel_bench/quality/data"

Progress = Iterator[tuple[int, float]]


@dataclass(frozen=True)
class Workshop:
    """One training folder and the device that trains in it.

    Attributes:
        folder: Folder for the data, and for the checkpoint, curve and result of every stage.
        device: ``cpu`` or ``cuda``.
    """

    folder: Path
    device: str

    @cached_property
    def pictures(self) -> tuple[Picture, ...]:
        """The captioned objects."""
        return load_pictures(self.folder / "data")

    @cached_property
    def pool(self) -> Pool:
        """The training pictures."""
        return make_pool(self.pictures, PER_PAIR, seed=SEED)

    def train_autoencoder(self) -> Progress:
        """Train the autoencoder and write ``vae``, scaled so that latents have unit variance."""
        model = open_random(ARCHITECTURE, seed=SEED).load_vae()
        crops = make_pool(self.pictures, PER_PAIR_OF_CROPS, seed=SEED)
        for number, round_ in enumerate(AUTOENCODER, start=1):
            folder = self.folder / f"autoencoder-{number}"
            yield from train_autoencoder(model, crops.images, round_, folder=folder, device=self.device)
        mean, std = encode_pictures(model, crops.images, device=self.device)
        model.register_to_config(scaling_factor=1.0 / spread(mean, std))
        model.save_pretrained(self.folder / "vae")

    def train_diffusion(self) -> Progress:
        """Train UNet and text encoder and write ``unet``, ``text_encoder`` and ``tokenizer``."""
        source = open_random(ARCHITECTURE, seed=SEED)
        tokenizer = self._tokenizer()
        model = TextToNoise(source.load_unet(), source.load_text_encoder())
        schedule = DDPMScheduler.from_config(dict(source.scheduler_config))
        for number, round_ in enumerate(DIFFUSION, start=1):
            folder = self.folder / f"diffusion-{number}"
            data = self._captioned_latents(round_, tokenizer, folder / "latents.pt")
            recipe, device = round_.recipe, self.device
            yield from train_diffusion(model, data, recipe, schedule=schedule, folder=folder, device=device)
        model.unet.save_pretrained(self.folder / "unet")
        model.text_encoder.save_pretrained(self.folder / "text_encoder")

    def train_scorer(self) -> Progress:
        """Train emoji-clip and write ``emoji_clip.onnx``."""
        torch.manual_seed(SEED)
        model, tokenizer, folder = EmojiClip(), self._tokenizer(), self.folder / "scorer"
        yield from train_scorer(model, self.pool, self.pictures, tokenizer, SCORER, folder=folder, device=self.device)
        export_scorer(model, self.folder / "emoji_clip.onnx")

    def ship(self) -> Progress:
        """Copy what was trained into the packages."""
        ship_pipeline(self.folder, ARCHITECTURES / ARCHITECTURE)
        ship_captions(self.pictures, EVALUATION / "captions.json", seed=SEED, labels=OBJECTS)
        shutil.copy(self.folder / "emoji_clip.onnx", EVALUATION)
        shutil.copy(self.folder / "tokenizer" / "tokenizer.json", EVALUATION)
        yield from ()

    def draw(self) -> Progress:
        """Draw what was shipped, and how it was trained, for the documentation."""
        IMAGES.mkdir(parents=True, exist_ok=True)
        plot_curves(self.folder, IMAGES / "training.svg")
        yield from draw_gallery(self.folder, IMAGES / "built-in.png", seed=SEED)

    def _tokenizer(self) -> CLIPTokenizer:
        tokenizer = train_tokenizer(all_captions(self.pictures))
        save_tokenizer(tokenizer, self.folder / "tokenizer")
        return tokenizer

    def _captioned_latents(self, round_: DiffusionRound, tokenizer: CLIPTokenizer, file: Path) -> CaptionedLatents:
        """Encode the round's pictures once; see `kept_latents`."""
        pool = make_pool(self.pictures, PER_PAIR, seed=SEED, labels=round_.labels, placement=round_.placement)
        latents = kept_latents(file, pool.images, vae=self.folder / "vae", device=self.device)
        return CaptionedLatents(latents, pool, self.pictures, tokenizer)


STAGES: Final[Mapping[str, Callable[[Workshop], Progress]]] = {
    "autoencoder": Workshop.train_autoencoder,
    "diffusion": Workshop.train_diffusion,
    "scorer": Workshop.train_scorer,
    "ship": Workshop.ship,
    "gallery": Workshop.draw,
}
