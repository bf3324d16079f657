"""The manifest: whatever it says, a bundle is opened as it is, or refused in one line; and it cannot change unseen."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from tests.command import accel, assert_refused
from tests.fuzz.mutate import change_json
from tests.robustness.copies import (
    DIGEST,
    MANIFEST,
    Change,
    copy_bundle,
    edit_manifest,
    one_line,
    put,
    replace_file,
    seeded,
    state_digest,
    write,
)

from accel_runtime import open_bundle
from accel_runtime.bundle.bundle import Bundle, read_bundle, unlisted_files
from accel_runtime.errors import AccelError, BundleError


@pytest.fixture
def bundle(bundle_folder: Path, tmp_path: Path) -> Path:
    return copy_bundle(bundle_folder, tmp_path / "bundle")


def opened(folder: Path) -> Bundle | str:
    """The bundle, or the line that refuses it; anything else fails the test."""
    try:
        return read_bundle(folder, verification="sizes")
    except AccelError as error:
        return one_line(error)


@pytest.mark.parametrize("seed", range(4))
def test_a_changed_manifest_is_refused_in_one_line_or_is_that_of_a_bundle_which_opens(bundle: Path, seed: int) -> None:
    rng, raw = seeded(seed), (bundle / MANIFEST).read_bytes()

    for _ in range(60):
        write(bundle / MANIFEST, change_json(raw, rng))
        found = opened(bundle)
        if isinstance(found, Bundle):
            assert found.manifest.deep.input(found.manifest.denoiser.sample).shape[1] == found.manifest.state.channels
            assert set(found.seen) == set(found.manifest.files)


def test_no_flipped_bit_of_the_manifest_stays_unseen_where_its_digest_lies_beside_it(bundle: Path) -> None:
    state_digest(bundle)
    raw, rng = (bundle / MANIFEST).read_bytes(), seeded(0)

    for _ in range(500):
        changed = bytearray(raw)
        changed[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
        write(bundle / MANIFEST, bytes(changed))
        with pytest.raises(BundleError, match=r"accel\.json"):
            read_bundle(bundle, verification="sizes")


def test_every_command_and_sha256sum_say_the_same_digest_and_any_of_them_pins_the_bundle(
    bundle: Path, tmp_path: Path
) -> None:
    state_digest(bundle)
    digest = read_bundle(bundle, verification="sizes").digest
    by_hand = subprocess.run(["sha256sum", "--check", DIGEST], cwd=bundle, capture_output=True, check=False)
    inspected = json.loads(accel("inspect", bundle, "--json", cwd=tmp_path).stdout)["digest"]
    verified = json.loads(accel("verify", bundle, "--json", "--digest", digest, cwd=tmp_path).stdout)["digest"]

    assert by_hand.returncode == 0
    assert inspected == verified == digest
    assert f"digest {digest}" in accel("inspect", bundle, cwd=tmp_path).stdout


@pytest.mark.parametrize("words", [("verify", "bundle"), ("generate", "bundle", "a cat")])
def test_a_pinned_bundle_is_that_bundle_or_none(bundle: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    digest = read_bundle(bundle, verification="sizes").digest
    edit_manifest(bundle, lambda d: d["decoder"].update(scale=0.5))

    assert_refused(accel(*words, "--digest", digest, cwd=tmp_path), f"expected digest {digest}, got", code=1)
    assert_refused(accel(*words, "--digest", digest[:16], cwd=tmp_path), "64 hexadecimal digits", code=2)
    assert os.listdir(tmp_path) == ["bundle"]


def test_while_one_manifest_replaces_another_the_digest_of_either_is_right(bundle: Path) -> None:
    digest = state_digest(bundle)

    for lines in ([digest, "0" * 64], ["0" * 64, digest]):
        write(bundle / DIGEST, "".join(f"{each}  {MANIFEST}\n" for each in lines).encode())
        assert read_bundle(bundle, verification="sizes").digest == digest


@pytest.mark.parametrize("text", ["", "0" * 64, f"{'0' * 63}  accel.json\n", f"{'0' * 64}  other.json\n", "\xff" * 9])
def test_a_digest_file_that_says_nothing_is_refused(bundle: Path, text: str) -> None:
    write(bundle / DIGEST, text.encode("latin-1"))

    assert "as `sha256sum accel.json` writes it" in str(opened(bundle))


def test_verify_says_what_nobody_vouches_for(bundle: Path, tmp_path: Path) -> None:
    (bundle / "unet" / "notes.txt").write_text("x")
    (bundle / "more" / "deep").mkdir(parents=True)
    (bundle / "more" / "deep" / "x.onnx").touch()
    said = accel("verify", bundle, cwd=tmp_path)
    state_digest(bundle)
    later = accel("verify", bundle, cwd=tmp_path)

    assert said.returncode == later.returncode == 0
    assert f"no {DIGEST}" in said.stderr
    assert DIGEST not in later.stderr
    assert "not listed in the manifest, and not checked: more/deep/x.onnx, unet/notes.txt" in later.stderr


def test_what_accel_itself_writes_beside_the_manifest_is_not_strange(bundle: Path) -> None:
    state_digest(bundle)
    (bundle / ".accel.json.partial-0123abcd").touch()

    assert unlisted_files(bundle, read_bundle(bundle, verification="sizes").manifest.files) == ()


OUT_OF_RANGE: dict[str, tuple[Change, str]] = {
    "channels": (put("state", "channels", value=2**40), "state.channels"),
    "scale": (put("state", "scale", value=0), "state.scale"),
    "own height": (put("state", "sample_size", value=[2**40, 16]), "state.sample_size[0]"),
    "scaling factor of nothing": (put("decoder", "scale", value=0.0), "decoder.scale"),
    "scaling factor that overflows": (put("encoder", "scale", value=1e300), "encoder.scale"),
    "prompt length": (put("texts", "text_encoder", "max_length", value=10**9), "texts.text_encoder.max_length"),
    "padding": (put("texts", "text_encoder", "pad_id", value=2**63), "texts.text_encoder.pad_id"),
    "dimension": (
        put("graphs", "vae_decoder", "inputs", 0, "shape", 1, value=2**62),
        "inputs[0].shape[1]",
    ),
    "no FLOPs to divide by": (put("graphs", "unet_deep", "flops", value=0), "graphs.unet_deep.flops"),
    "size of a file": (put("files", "unet/deep.onnx", "size", value=2**64), "files.unet/deep.onnx.size"),
    "version": (put("schema_version", value=2**80), "schema_version"),
}


@pytest.mark.parametrize("name", OUT_OF_RANGE)
def test_numbers_far_out_of_range_are_refused_by_their_key(bundle: Path, name: str) -> None:
    change, key = OUT_OF_RANGE[name]
    edit_manifest(bundle, change)

    assert key in str(opened(bundle))


@pytest.mark.parametrize("nested", ['{"files":' * 100_000, "[" * 100_000, '{"state":{"x":' + "[" * 100_000])
def test_a_manifest_nested_too_deeply_is_refused(bundle: Path, nested: str) -> None:
    write(bundle / MANIFEST, nested.encode())

    assert isinstance(opened(bundle), str)


CONTRADICTIONS: dict[str, tuple[Change, str]] = {
    "no inputs": (put("graphs", "text_encoder", "inputs", value=[]), "graphs.text_encoder.inputs"),
    "no outputs": (put("graphs", "vae_decoder", "outputs", value=[]), "graphs.vae_decoder.outputs"),
    "an input less": (lambda d: d["graphs"]["unet_deep"]["inputs"].pop(1), "unet/deep.onnx"),
    "another input": (put("graphs", "vae_decoder", "inputs", 0, "name", value="z"), "vae_decoder/model.onnx"),
    "an output that the loop needs": (put("graphs", "unet_deep", "outputs", 0, "name", value="y"), "out_sample"),
    "another output": (put("graphs", "vae_encoder", "outputs", 0, "name", value="y"), "vae_encoder/model.onnx"),
    "another rank": (lambda d: d["graphs"]["vae_decoder"]["inputs"][0]["shape"].pop(), "graphs.vae_decoder"),
    "another type": (put("graphs", "vae_encoder", "outputs", 0, "dtype", value="float16"), "graphs.vae_encoder"),
    "a type that numpy lacks": (put("graphs", "vae_decoder", "outputs", 0, "dtype", value="bfloat16"), "bfloat16"),
    "another number": (put("graphs", "text_encoder", "outputs", 0, "shape", 2, value=5), "graphs.unet_deep"),
    "another symbol": (put("graphs", "vae_encoder", "inputs", 0, "shape", 2, value="width"), "vae_encoder/model.onnx"),
    "a path for a dimension": (
        put("graphs", "unet_deep", "inputs", 0, "shape", 0, value="../../etc/passwd"),
        "is no dimension",
    ),
    "a dimension that nobody knows": (put("graphs", "unet_deep", "inputs", 0, "shape", 0, value="depth"), "depth"),
    "a division by nothing": (put("graphs", "unet_deep", "inputs", 0, "shape", 2, value="width/0"), "is no dimension"),
    "another length of prompts": (put("texts", "text_encoder", "max_length", value=9), "graphs.text_encoder"),
    "a graph that is another": (put("graphs", "vae_decoder", "file", value="unet/deep.onnx"), "unet/deep.onnx"),
    "a graph that is none": (put("graphs", "vae_decoder", "file", value="model_index.json"), "ends in .onnx"),
    "a loop that is another": (put("loop", "pixels", value="loop/forecast_2.onnx"), "loop/forecast_2.onnx"),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_manifest_that_contradicts_its_graphs_is_refused_when_the_bundle_is_opened(bundle: Path, name: str) -> None:
    change, message = CONTRADICTIONS[name]
    edit_manifest(bundle, change)

    assert message in str(opened(bundle))


def test_verify_says_a_contradiction_too(bundle: Path, tmp_path: Path) -> None:
    edit_manifest(bundle, CONTRADICTIONS["another input"][0])

    assert_refused(accel("verify", bundle, cwd=tmp_path), "expected the inputs z, got latent_sample", code=1)


@pytest.mark.parametrize("file", ["tokenizer/tokenizer.json", "schedules/ddim.safetensors"])
def test_verify_reads_what_is_otherwise_read_late(bundle: Path, tmp_path: Path, file: str) -> None:
    replace_file(bundle, file, b"{}")

    assert_refused(accel("verify", bundle, cwd=tmp_path), file, code=1)


def test_a_file_that_is_a_link_out_of_the_bundle_is_refused_whatever_would_run_it(bundle: Path, tmp_path: Path) -> None:
    elsewhere = (bundle / "unet" / "weights.data").rename(tmp_path / "blob")
    (bundle / "unet" / "weights.data").symlink_to(elsewhere)

    assert_refused(accel("verify", bundle, cwd=tmp_path), "weights.data: a link to", code=1)
    with pytest.raises(BundleError, match="cp -rL"):
        open_bundle(bundle, provider="openvino")


def test_a_bundle_may_itself_be_reached_through_a_link(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(bundle, target_is_directory=True)

    assert isinstance(opened(tmp_path / "link"), Bundle)
