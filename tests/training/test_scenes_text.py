"""The text encoder of the model of scenes learns what captions state."""

from pathlib import Path

import numpy as np
import pytest
import torch

from accel_bench.quality.scenes.scene import describe
from accel_exporter.sources.random_weights import open_random
from accel_training.diffusion import debiased, min_snr
from accel_training.loop import Recipe
from accel_training.scenes.captions import Kind, states, write_caption
from accel_training.scenes.sample import sample_scene
from accel_training.scenes.text import answers, train_text
from accel_training.tokenizer import train_tokenizer

QUESTIONS = (*("count", "size", "colour", "texture", "shape") * 2, "relation", "ground", "light", *("relation",) * 4)


@pytest.mark.parametrize("kind", Kind)
def test_a_question_has_an_answer_where_the_caption_states_one(kind: Kind) -> None:
    scene = sample_scene(np.random.default_rng(0))
    stated = {name for name, answer in zip(QUESTIONS, answers(scene, kind), strict=True) if answer >= 0}

    assert stated == {name for name in QUESTIONS if states(kind, name)}


def test_only_a_full_caption_states_the_light() -> None:
    scene = sample_scene(np.random.default_rng(1))

    assert [kind for kind in Kind if "lit from" in write_caption(scene, kind)] == [Kind.FULL]
    assert [kind for kind in Kind if states(kind, "light")] == [Kind.FULL]


def test_scenes_that_differ_have_other_answers() -> None:
    rng = np.random.default_rng(2)
    scenes = {describe(scene): scene for scene in (sample_scene(rng) for _ in range(300))}

    assert len({tuple(answers(scene, Kind.FULL)) for scene in scenes.values()}) == len(scenes)


def test_the_text_encoder_learns_to_state_facts(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    tokenizer = train_tokenizer([describe(sample_scene(rng)) for _ in range(300)])
    encoder = open_random("tiny", seed=0).load_text_encoder()
    losses = [loss for _, loss in train_text(encoder, tokenizer, Recipe(60, 16, 1e-3), folder=tmp_path, device="cpu")]

    assert np.mean(losses[-5:]) < 0.85 * np.mean(losses[:5])


def test_debiased_weights_favour_the_noisiest_timesteps() -> None:
    snr = torch.tensor([0.01, 1.0, 100.0])

    assert torch.allclose(debiased(snr), torch.tensor([10.0, 1.0, 0.1]))
    assert torch.allclose(min_snr(snr), torch.tensor([1.0, 1.0, 0.05]))
