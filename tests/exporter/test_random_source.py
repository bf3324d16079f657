from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline
from tokenizers import Tokenizer
from transformers import CLIPTokenizer

from accel_exporter.sources import Source, architectures, open_source
from accel_exporter.sources.model_index import text_encoders, tokenizer_of
from accel_exporter.sources.random_weights import byte_tokenizer
from accel_runtime.errors import SourceError


def tiny(seed: int = 0) -> Source:
    return open_source("tiny", weights="random", seed=seed)


# diffusers hides its classes from type checkers behind placeholders, hence Any for what is loaded.
def parts(source: Source) -> list[Any]:
    return [source.load_unet(), source.load_vae(), source.load_text_encoder()]


def parameters_on_no_device(source: Source) -> list[float]:
    """Count parameters in millions without giving them memory."""
    with torch.device("meta"):
        return [round(sum(p.numel() for p in part.parameters()) / 1e6, 2) for part in parts(source)]


def test_sd15_has_the_real_sizes() -> None:
    source = open_source("sd15", weights="random", seed=0)
    assert parameters_on_no_device(source) == [859.52, 83.65, 123.06]


def test_tiny_has_the_sizes_of_its_design() -> None:
    assert parameters_on_no_device(tiny()) == [7.01, 0.95, 1.06]


def test_the_same_seed_gives_the_same_weights_bit_for_bit() -> None:
    for one, other in zip(parts(tiny(5)), parts(tiny(5)), strict=True):
        states = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
        assert all(torch.equal(a, b) for a, b in states)


def test_another_seed_gives_other_weights() -> None:
    for one, other in zip(parts(tiny(5)), parts(tiny(6)), strict=True):
        matrices = [name for name, tensor in one.named_parameters() if tensor.dim() > 1]
        assert not any(torch.equal(one.get_parameter(name), other.get_parameter(name)) for name in matrices)


def test_random_weights_leave_the_callers_random_numbers_alone() -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    parts(tiny())
    assert torch.equal(torch.rand(3), expected)


@torch.no_grad()
def test_signals_keep_their_size_through_random_weights() -> None:
    source: Any = tiny()
    ids = source.load_tokenizer()("a cat", padding="max_length", return_tensors="pt").input_ids
    context = source.load_text_encoder()(ids).last_hidden_state
    noise = source.load_unet()(torch.randn(1, 4, 16, 16), torch.tensor([500.0]), context).sample
    pixels = source.load_vae().decode(torch.randn(1, 4, 16, 16)).sample
    assert all(0.05 < tensor.std() < 5 for tensor in (context, noise, pixels))


def test_parts_are_float32_and_in_evaluation_mode() -> None:
    for part in parts(tiny()):
        assert not part.training
        assert {parameter.dtype for parameter in part.parameters()} == {torch.float32}


def test_origin_tells_that_the_weights_are_random() -> None:
    origin = tiny(7).origin
    assert (origin.source, origin.revision, origin.weights, origin.seed) == ("tiny", None, "random", 7)


@pytest.mark.parametrize("name", architectures())
def test_shipped_configs_make_a_pipeline_that_the_tokenizer_fits(name: str) -> None:
    source = open_source(name, weights="random")
    for part in text_encoders(source.model_index):
        with torch.device("meta"):
            config = source.load_text_encoder(part).config
        tokenizer = source.load_tokenizer(tokenizer_of(part))
        assert len(tokenizer) == config.vocab_size
        assert tokenizer.model_max_length == config.max_position_embeddings
        # 2 is what OpenCLIP's and SDXL's configs say; transformers then takes the highest id for the end.
        assert config.eos_token_id in (tokenizer.eos_token_id, 2)
        assert tokenizer.eos_token_id == config.vocab_size - 1
        assert tokenizer.pad_token == ("!" if config.hidden_act == "gelu" else "<|endoftext|>")


OWN_SCHEDULERS = {
    "lcm-sd15": "LCMScheduler",
    "scenes": "PNDMScheduler",
    "sd15": "PNDMScheduler",
    "sd15-inpaint": "PNDMScheduler",
    "sd15-controlnet": "PNDMScheduler",
    "sd21": "DDIMScheduler",
    "sdxl": "EulerDiscreteScheduler",
    "sdxl-refiner": "EulerDiscreteScheduler",
    "sdxl-turbo": "EulerAncestralDiscreteScheduler",
    "tiny": "PNDMScheduler",
}


@pytest.mark.parametrize("name", OWN_SCHEDULERS)
def test_shipped_schedulers_are_those_of_the_family(name: str) -> None:
    config = open_source(name, weights="random").scheduler_config
    assert config["_class_name"] == OWN_SCHEDULERS[name]
    assert (config["beta_start"], config["beta_end"], config["beta_schedule"]) == (
        0.00085,
        0.012,
        "scaled_linear",
    )
    assert (config["steps_offset"], config["clip_sample"]) == (1, False)
    assert config.get("set_alpha_to_one", False) == (name == "lcm-sd15")
    if config["_class_name"] == "PNDMScheduler":
        assert config["skip_prk_steps"]


def test_every_family_with_text_has_one_of_them() -> None:
    assert {*OWN_SCHEDULERS, "ddpm-cat"} == {*architectures()}


def test_the_model_of_cats_is_that_of_its_name() -> None:
    source = open_source("ddpm-cat", weights="random")
    with torch.device("meta"):
        unet = source.load_unet_2d()
    config = source.scheduler_config

    assert round(sum(p.numel() for p in unet.parameters()) / 1e6, 2) == 113.67
    assert (config["beta_start"], config["beta_end"], config["beta_schedule"]) == (0.0001, 0.02, "linear")


def test_the_families_have_the_real_sizes() -> None:
    assert parameters_on_no_device(open_source("sdxl", weights="random")) == [2567.46, 83.65, 123.06]
    assert parameters_on_no_device(open_source("sd21", weights="random")) == [865.91, 83.65, 340.39]
    assert parameters_on_no_device(open_source("lcm-sd15", weights="random")) == [859.6, 83.65, 123.06]
    with torch.device("meta"):
        second = open_source("sdxl", weights="random").load_text_encoder("text_encoder_2")
        refiner = open_source("sdxl-refiner", weights="random").load_unet()
    assert round(sum(p.numel() for p in refiner.parameters()) / 1e6, 2) == 2259.53
    assert round(sum(p.numel() for p in second.parameters()) / 1e6, 2) == 694.66


def test_a_random_pipeline_runs_in_diffusers() -> None:
    import diffusers

    source = tiny()
    make: Any = StableDiffusionPipeline
    scheduler: Any = getattr(diffusers, source.scheduler_config["_class_name"])
    pipeline = make(
        unet=source.load_unet(),
        vae=source.load_vae(),
        text_encoder=source.load_text_encoder(),
        tokenizer=source.load_tokenizer(),
        scheduler=scheduler.from_config(source.scheduler_config),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    images = pipeline("a cat", num_inference_steps=2, output_type="np").images
    assert images.shape == (1, 64, 64, 3)


@pytest.mark.parametrize("text", ["a cat", "Grüße, 猫!", "the   dog's 42", ""])
def test_the_byte_tokenizer_spells_any_text(text: str) -> None:
    tokenizer = byte_tokenizer(600, 64)
    ids = tokenizer(text).input_ids
    assert (ids[0], ids[-1]) == (598, 599)
    assert len(ids) == 2 + sum(len(word.encode()) for word in text.split())
    assert all(token < 512 for token in ids[1:-1]), "bytes alone, never a filler"


def test_the_byte_tokenizer_survives_as_tokenizer_json(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer = byte_tokenizer(600, 12)
    tokenizer.save_pretrained(folder)
    text = "a squirrel, é!"
    assert Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text).ids == tokenizer(text).input_ids
    again: CLIPTokenizer = CLIPTokenizer.from_pretrained(folder)
    assert again(text).input_ids == tokenizer(text).input_ids
    assert again.model_max_length == 12


def test_a_vocabulary_without_room_for_the_bytes_is_refused() -> None:
    with pytest.raises(SourceError, match="vocab_size must be at least 514, got 513"):
        byte_tokenizer(513, 12)


def test_random_weights_for_anything_but_an_alias_are_refused() -> None:
    with pytest.raises(SourceError, match="'acme/tiny' cannot have random weights: expected one of sd15, sd15"):
        open_source("acme/tiny", weights="random")
