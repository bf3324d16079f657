import pytest

from accel_exporter.sources import select_files
from accel_runtime.errors import SourceError

INDEX = {"_class_name": "StableDiffusionPipeline", "text_encoder": ["transformers", "CLIPTextModel"]}
PARTS = ("unet", "vae", "text_encoder")
COMMON = frozenset(
    {
        "model_index.json",
        "tokenizer/vocab.json",
        "tokenizer/merges.txt",
        "scheduler/scheduler_config.json",
        *(f"{part}/config.json" for part in PARTS),
    }
)
PLAIN = frozenset(
    {
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
        "text_encoder/model.safetensors",
    }
)
BIN = frozenset(
    {"unet/diffusion_pytorch_model.bin", "vae/diffusion_pytorch_model.bin", "text_encoder/pytorch_model.bin"}
)
FP16 = frozenset(name.replace(".safetensors", ".fp16.safetensors") for name in PLAIN)
NOISE = frozenset(
    {
        "README.md",
        "v1-5-pruned.ckpt",
        "safety_checker/config.json",
        "safety_checker/model.safetensors",
        "feature_extractor/preprocessor_config.json",
        "unet/diffusion_flax_model.msgpack",
        "unet/diffusion_pytorch_model.non_ema.safetensors",
    }
)


def selected(names: frozenset[str], *, variant: str | None = None) -> set[str]:
    files = select_files(names, INDEX, variant=variant)
    assert len(files) == len(set(files))
    return set(files)


def test_of_a_crowded_repository_only_the_pipeline_is_taken_and_safetensors_before_bin() -> None:
    assert selected(COMMON | PLAIN | BIN | FP16 | NOISE) == COMMON | PLAIN


def test_bin_weights_are_taken_where_there_is_nothing_better() -> None:
    names = COMMON | PLAIN - {"vae/diffusion_pytorch_model.safetensors"} | BIN
    assert "vae/diffusion_pytorch_model.bin" in selected(names)
    assert "unet/diffusion_pytorch_model.bin" not in selected(names)


def test_the_asked_variant_is_taken_and_nothing_else() -> None:
    assert selected(COMMON | PLAIN | FP16, variant="fp16") == COMMON | FP16


def test_a_part_without_the_asked_variant_falls_back_to_its_plain_weights() -> None:
    names = COMMON | PLAIN | {"unet/diffusion_pytorch_model.fp16.safetensors"}
    expected = PLAIN - {"unet/diffusion_pytorch_model.safetensors"}
    assert selected(names, variant="fp16") >= expected | {"unet/diffusion_pytorch_model.fp16.safetensors"}
    assert "unet/diffusion_pytorch_model.safetensors" not in selected(names, variant="fp16")


def test_a_variant_that_no_part_has_is_refused_with_those_that_exist() -> None:
    with pytest.raises(SourceError, match=r"variant 'bf16'; variants that exist: fp16, non_ema"):
        selected(COMMON | PLAIN | FP16 | NOISE, variant="bf16")


def test_weights_that_exist_only_as_a_variant_are_not_taken_unasked() -> None:
    with pytest.raises(SourceError, match=r"'unet' has only variant weights \(fp16\): add `--variant fp16`"):
        selected(COMMON | FP16)


@pytest.mark.parametrize(
    ("variant", "index", "shard"),
    [
        (
            None,
            "diffusion_pytorch_model.safetensors.index.json",
            "diffusion_pytorch_model-{}-of-00002.safetensors",
        ),
        (
            "fp16",
            "diffusion_pytorch_model.safetensors.index.fp16.json",
            "diffusion_pytorch_model.fp16-{}-of-00002.safetensors",
        ),
    ],
)
def test_a_shard_index_brings_all_its_shards(variant: str | None, index: str, shard: str) -> None:
    shards = {f"unet/{shard.format(number)}" for number in ("00001", "00002")}
    names = COMMON | PLAIN | {f"unet/{index}"} | shards
    expected = PLAIN - {"unet/diffusion_pytorch_model.safetensors"} | {f"unet/{index}"} | shards
    assert selected(names, variant=variant) == COMMON | expected
    with pytest.raises(SourceError, match=r"00002-of-00002\.safetensors is missing: 1 of 2 shards"):
        selected(names - {f"unet/{shard.format('00002')}"}, variant=variant)


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        ("vae/", "component 'vae' is missing"),
        ("unet/config.json", "component 'unet' is incomplete: expected unet/config.json"),
        ("text_encoder/model", "'text_encoder': expected text_encoder/model.safetensors .*got no weights"),
        ("tokenizer/merges", "component 'tokenizer': expected"),
        ("scheduler/", "component 'scheduler' is incomplete"),
        ("model_index", "component 'pipeline' is incomplete: expected model_index.json"),
    ],
)
def test_what_is_missing_is_named(gone: str, message: str) -> None:
    names = frozenset(name for name in COMMON | PLAIN if not name.startswith(gone))
    with pytest.raises(SourceError, match=message):
        selected(names)


@pytest.mark.parametrize("only", ["model.ckpt", "model.pt", "model.pkl", "flax_model.msgpack"])
def test_other_weights_formats_are_refused(only: str) -> None:
    names = COMMON | PLAIN - {"text_encoder/model.safetensors"} | {f"text_encoder/{only}"}
    with pytest.raises(SourceError, match=rf"expected text_encoder/model.safetensors .* got only {only}"):
        selected(names)
