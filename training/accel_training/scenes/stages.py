"""The stages of training the model of scenes; see `accel_training.stages` for those of the first model."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from diffusers import DDPMScheduler, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from accel_bench.quality.captions import CAPTIONS, Yardstick
from accel_bench.quality.scenes.scene import Scene, describe
from accel_exporter import open_source
from accel_exporter.sources.random_weights import open_random, seeded
from accel_training.autoencoder import Round, encode_pictures, spread, train_autoencoder
from accel_training.diffusion import (
    Latents,
    TextToNoise,
    Weighting,
    debiased,
    kept_latents,
    min_snr,
    token_ids,
    train_diffusion,
)
from accel_training.gallery import plot_curves
from accel_training.loop import Draws, Recipe
from accel_training.scenes.captions import draw_caption
from accel_training.scenes.pool import keep_scenes, read_scenes
from accel_training.scenes.sample import sample_scene
from accel_training.scenes.show import Drawn, draw_captions, write_accuracy, write_nearest, write_samples
from accel_training.scenes.text import train_text
from accel_training.ship import ship_pipeline, write_captions
from accel_training.stages import ARCHITECTURES, IMAGES
from accel_training.tokenizer import save_tokenizer, train_tokenizer

ARCHITECTURE: Final = "tiny"
WIDTHS: Final = (32, 48, 64, 96)  # narrower than the first model's, so that all weights take less than 12 MB
SEED: Final = 0
SCENES: Final = 64_000  # pictures that training sees, each some four times with other noise
_CROPPED: Final = 12_000  # of them, for the autoencoder
_WORDS_FROM: Final = 4000  # captions that the tokenizer learns its words from
_HELD_OUT: Final = 128  # captions to evaluate on

AUTOENCODER: Final = Round(Recipe(steps=1200, batch=16, rate=6e-4, seed=SEED), features_from=900, feature_weight=0.1)
# What is there first, by the weights that favour detail; then what is where, with an encoder that states it.
FIRST: Final = Recipe(steps=4000, batch=32, rate=1e-3, seed=SEED)
TEXT: Final = Recipe(steps=1000, batch=64, rate=8e-4, decay=0.99, seed=SEED + 1)
SECOND: Final = Recipe(steps=4800, batch=32, rate=1e-3, seed=SEED + 2)

Progress = Iterator[tuple[int, float]]


@dataclass(frozen=True, slots=True, eq=False)
class SceneLatents:
    """A `TrainingSet` of scenes.

    Attributes:
        latents: Those of the pictures.
        scenes: What each picture shows.
        tokenizer: Makes ids of captions.
    """

    latents: Latents
    scenes: tuple[Scene, ...]
    tokenizer: CLIPTokenizer

    def draw(self, count: int, draws: Draws) -> tuple[Tensor, Tensor]:
        """See `TrainingSet.draw`."""
        chosen = draws.numpy.integers(len(self.scenes), size=count)
        captions = [draw_caption(self.scenes[index], rng=draws.numpy) for index in chosen]
        return self.latents.sample(chosen, draws), token_ids(self.tokenizer, captions)


@dataclass(frozen=True)
class SceneWorkshop:
    """One training folder and the device that trains in it.

    Attributes:
        folder: Keeps the pictures, and the checkpoint, curve and result of every stage.
        device: ``cpu`` or ``cuda``.
    """

    folder: Path
    device: str

    @property
    def _pictures(self) -> Path:
        return self.folder / "pictures"

    def draw_pictures(self) -> Progress:
        """Draw the scenes."""
        for done in keep_scenes(self._pictures, SCENES, seed=SEED):
            yield done - 1, float("nan")

    def train_autoencoder(self) -> Progress:
        """Fine-tune the first model's autoencoder and write ``vae``, scaled so that latents have unit variance."""
        model = open_source("tiny").load_vae().float()
        images = read_scenes(self._pictures, _CROPPED).images
        folder = self.folder / "autoencoder"
        yield from train_autoencoder(model, images, AUTOENCODER, folder=folder, device=self.device)
        mean, std = encode_pictures(model, images[:2000], device=self.device)
        model.register_to_config(scaling_factor=1.0 / spread(mean, std))
        model.save_pretrained(self.folder / "vae")

    def train_first_diffusion(self) -> Progress:
        """Train UNet and text encoder and write ``first/unet`` and ``first/text_encoder``."""
        source = open_random(ARCHITECTURE, seed=SEED)
        model = TextToNoise(new_unet(source.unet_config), source.load_text_encoder())
        yield from self._train(model, FIRST, min_snr, name="diffusion-1", into=self._first)

    def train_text(self) -> Progress:
        """Train the text encoder to state what captions say and write ``stating/text_encoder``."""
        text_encoder = CLIPTextModel.from_pretrained(self._first / "text_encoder")
        yield from train_text(text_encoder, self._tokenizer(), TEXT, folder=self.folder / "text", device=self.device)
        text_encoder.save_pretrained(self._stating)

    def train_second_diffusion(self) -> Progress:
        """Train the UNet further and write ``unet`` and ``text_encoder``.

        The text encoder is frozen, as Stable Diffusion's is: trained along, it forgets what the UNet does not use yet.
        """
        unet = UNet2DConditionModel.from_pretrained(self._first / "unet")
        model = TextToNoise(unet, CLIPTextModel.from_pretrained(self._stating).requires_grad_(requires_grad=False))
        yield from self._train(model, SECOND, debiased, name="diffusion-2", into=self.folder)

    def ship(self) -> Progress:
        """Copy what was trained into the packages, and captions to evaluate it on."""
        ship_pipeline(self.folder, ARCHITECTURES / "scenes")
        rng = np.random.default_rng([SEED, 3])
        scenes = [sample_scene(rng, held_out=True) for _ in range(_HELD_OUT)]
        captions = [{"caption": describe(scene), "held_out": True} for scene in scenes]
        write_captions(Yardstick.SCENES.folder / CAPTIONS, captions)
        yield from ()

    def draw(self) -> Progress:
        """Draw what was shipped, and how it was trained, for the documentation."""
        drawn: list[Drawn] = []
        for each in draw_captions(self.folder / "bundle", seed=SEED):
            drawn.append(each)
            yield len(drawn), float("nan")
        write_samples(drawn, IMAGES / "scenes.png")
        write_nearest(drawn, read_scenes(self._pictures, SCENES).images, IMAGES / "scenes-nearest.png")
        write_accuracy(drawn, self.folder / "accuracy.json")
        plot_curves(self.folder, IMAGES / "scenes-training.svg")

    @property
    def _first(self) -> Path:
        return self.folder / "first"

    @property
    def _stating(self) -> Path:
        return self.folder / "stating" / "text_encoder"

    def _train(self, model: TextToNoise, recipe: Recipe, weighting: Weighting, *, name: str, into: Path) -> Progress:
        """One round of the diffusion model's training, its checkpoint and curve in the folder ``name``."""
        schedule = DDPMScheduler.from_config(dict(open_random(ARCHITECTURE, seed=SEED).scheduler_config))
        data, folder, device = self._latents(), self.folder / name, self.device
        yield from train_diffusion(
            model, data, recipe, schedule=schedule, folder=folder, device=device, weighting=weighting
        )
        model.unet.save_pretrained(into / "unet")
        model.text_encoder.save_pretrained(into / "text_encoder")

    def _latents(self) -> SceneLatents:
        """Encode the pictures once; see `kept_latents`."""
        pool, file = read_scenes(self._pictures, SCENES), self.folder / "latents.pt"
        latents = kept_latents(file, pool.images, vae=self.folder / "vae", device=self.device)
        return SceneLatents(latents, pool.scenes, self._tokenizer())

    def _tokenizer(self) -> CLIPTokenizer:
        """Learn the words once: the order of pairs that are equally frequent differs from run to run."""
        folder = self.folder / "tokenizer"
        if not folder.exists():
            rng = np.random.default_rng([SEED, 2])
            save_tokenizer(train_tokenizer([describe(sample_scene(rng)) for _ in range(_WORDS_FROM)]), folder)
        tokenizer: CLIPTokenizer = CLIPTokenizer.from_pretrained(folder)
        return tokenizer


def new_unet(config: Mapping[str, Any]) -> UNet2DConditionModel:
    """The first model's UNet with `WIDTHS`, its weights drawn by seed."""
    narrow = {**config, "block_out_channels": WIDTHS}
    unet: UNet2DConditionModel = seeded(UNet2DConditionModel.from_config, narrow, seed=SEED)
    return unet


SCENE_STAGES: Final[Mapping[str, Callable[[SceneWorkshop], Progress]]] = {
    "pictures": SceneWorkshop.draw_pictures,
    "autoencoder": SceneWorkshop.train_autoencoder,
    "diffusion-1": SceneWorkshop.train_first_diffusion,
    "text": SceneWorkshop.train_text,
    "diffusion-2": SceneWorkshop.train_second_diffusion,
    "ship": SceneWorkshop.ship,
    "gallery": SceneWorkshop.draw,
}
