"""A CLIP checkpoint: tiny and untrained, yet in the files and classes of a real one."""

from pathlib import Path
from typing import Any, Final

import torch
from transformers import CLIPConfig, CLIPModel
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from accel_exporter.sources.random_weights import byte_tokenizer

SIDE: Final = 16  # pixels
TOKENS: Final = 12
VOCABULARY: Final = 520
END: Final = VOCABULARY - 1
_TOWER: Final = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}


def write_clip(folder: Path) -> None:
    """Write the checkpoint to ``folder``, as transformers saves it."""
    model().save_pretrained(folder)
    size = {"height": SIDE, "width": SIDE}
    images: Any = CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size=size)
    images.save_pretrained(folder)
    byte_tokenizer(VOCABULARY, TOKENS).save_pretrained(folder)


def model() -> CLIPModel:
    """The same random weights each time, large enough for captions and pictures to differ."""
    text = {"vocab_size": VOCABULARY, "max_position_embeddings": TOKENS, "bos_token_id": END - 1, "eos_token_id": END}
    config = CLIPConfig(
        text_config={**_TOWER, **text, "pad_token_id": END, "projection_dim": 8},
        vision_config={**_TOWER, "image_size": SIDE, "patch_size": 8, "projection_dim": 8},
        projection_dim=8,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = CLIPModel(config)
        for weights in made.parameters():
            torch.nn.init.normal_(weights, std=0.3)
    made.train(mode=False)
    return made
