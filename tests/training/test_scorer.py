from pathlib import Path

import numpy as np
import onnxruntime
import torch
from tests.training.pictures import make_pictures

from accel_training.captions import all_captions
from accel_training.compose import make_pool
from accel_training.loop import Recipe
from accel_training.scorer import EmojiClip, export_scorer, pool_captions, train_scorer
from accel_training.tokenizer import train_tokenizer


def test_the_exported_scorer_gives_what_torch_gives_for_any_number_of_pictures_and_captions(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = EmojiClip().eval()
    export_scorer(model, tmp_path / "scorer.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "scorer.onnx", providers=["CPUExecutionProvider"])
    pixels = torch.randint(256, (5, 64, 64, 3), dtype=torch.uint8)
    token_ids = torch.randint(2046, (7, 24))
    got = session.run(["image_embedding", "text_embedding"], {"pixels": pixels.numpy(), "token_ids": token_ids.numpy()})
    with torch.no_grad():
        expected = model(pixels, token_ids)
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, other.numpy(), atol=1e-5)


def test_it_learns_to_tell_captions_apart(tmp_path: Path) -> None:
    torch.manual_seed(0)
    pictures = make_pictures()
    pool = make_pool(pictures, 1, seed=0)
    tokenizer = train_tokenizer(all_captions(pictures))
    losses = [
        loss
        for _, loss in train_scorer(
            EmojiClip(),
            pool,
            pictures,
            tokenizer,
            Recipe(steps=12, batch=16, rate=1e-3),
            folder=tmp_path,
            device="cpu",
        )
    ]
    assert losses[-1] < losses[0]


def test_the_pools_captions_name_what_its_pictures_show() -> None:
    pictures = make_pictures()
    pool = make_pool(pictures, 1, seed=0)
    captions = pool_captions(pool, pictures)
    assert len(captions) == len(set(captions)) == len(pool.images)
    assert all(pictures[i].label in text for i, text in zip(pool.picture, captions, strict=True))
