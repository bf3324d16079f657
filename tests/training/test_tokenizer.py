from pathlib import Path

from tests.training.pictures import make_pictures
from transformers import CLIPTokenizer

from accel_training.captions import all_captions
from accel_training.tokenizer import LENGTH, VOCABULARY, save_tokenizer, train_tokenizer


def test_common_words_become_single_tokens_between_start_and_end() -> None:
    tokenizer = train_tokenizer(all_captions(make_pictures()))
    ids = tokenizer("a whale on a pink background").input_ids
    assert (ids[0], ids[-1]) == (VOCABULARY - 2, VOCABULARY - 1)
    assert tokenizer.convert_ids_to_tokens(ids[1:-1]) == [
        "a</w>",
        "whale</w>",
        "on</w>",
        "a</w>",
        "pink</w>",
        "background</w>",
    ]


def test_any_text_can_be_written_in_its_tokens() -> None:
    tokenizer = train_tokenizer(all_captions(make_pictures()))
    ids = tokenizer("žluťoučký kůň 马 🐎").input_ids
    assert max(ids) < VOCABULARY
    assert "".join(str(tokenizer.decode(ids, skip_special_tokens=True)).split()) == "žluťoučkýkůň马🐎"


def test_the_saved_tokenizer_is_the_same_from_either_form(tmp_path: Path) -> None:
    tokenizer = train_tokenizer(all_captions(make_pictures()))
    save_tokenizer(tokenizer, tmp_path)
    read = CLIPTokenizer.from_pretrained(tmp_path)
    text = "an orange, purple background"
    assert read(text).input_ids == tokenizer(text).input_ids
    assert (len(read), read.model_max_length) == (VOCABULARY, LENGTH)
    assert (tmp_path / "vocab.json").exists()
    assert (tmp_path / "merges.txt").exists()
