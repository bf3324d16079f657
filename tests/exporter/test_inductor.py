"""Packages: code without weights, weights once, and shallow passes cut as the ONNX graphs are."""

import math
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from tests.command import accel, assert_refused
from tests.exporter.pipelines import TOKENS, tiny_unet

from accel_exporter import ExportOptions, parse_artifacts
from accel_exporter.graphs import Sizes, Traceable, unet_deep
from accel_exporter.inductor import PackageWriter, compiled_modules
from accel_exporter.inductor.cut import cut_module, input_names
from accel_exporter.inductor.package import compile_package
from accel_exporter.inductor.shallow import shallow_program
from accel_exporter.inductor.weights import write_weights
from accel_exporter.precision import in_precision
from accel_exporter.program import Program, export_program
from accel_runtime.backends.inductor_package import read_metadata
from accel_runtime.bundle.bundle import read_bundle, verify_files
from accel_runtime.errors import ExportError, InputError
from accel_runtime.manifest import GraphSpec, Manifest, Precision, TensorSpec

BRANCHES = (0, 1, 2, 3)
SIZES = Sizes(batch=1, latent_height=4, latent_width=6, multiple=2)


@pytest.fixture(scope="module")
def deep() -> Program:
    torch.manual_seed(0)
    return export_program(unet_deep(tiny_unet(), BRANCHES, sizes=SIZES, text_length=TOKENS), is_static=False)


@pytest.fixture(scope="module")
def manifest(inductor_bundle: Path) -> Manifest:
    return read_bundle(inductor_bundle).manifest


def test_a_bundle_with_packages_takes_the_multiples_that_torch_can_say(manifest: Manifest) -> None:
    assert manifest.state.multiple == 4


def linear_program() -> Program:
    traceable = Traceable("linear", "decoder", torch.nn.Linear(2, 2), {"x": torch.zeros(1, 2)}, outputs=("y",), axes={})
    return export_program(traceable, is_static=True)


@pytest.mark.parametrize("k", BRANCHES)
def test_a_shallow_pass_with_fresh_features_makes_the_full_noise(k: int, deep: Program) -> None:
    inputs = deep.traceable.inputs
    module = deep.exported.module(check_guards=False)
    shallow = cut_module(module, 1 + k)
    with torch.no_grad():
        noise, *features = module(*inputs.values())
        given = [inputs[name] for name in input_names(shallow)[:-1]]
        (made,) = shallow(*given, features[k])
        (other,) = shallow(*given, torch.zeros_like(features[k]))

    assert torch.equal(made, noise)
    assert not torch.allclose(other, noise)


@pytest.mark.parametrize(
    ("dtype", "crosses"), [("float16", "float16"), pytest.param("bfloat16", "float32", marks=pytest.mark.slow)]
)
def test_the_shallow_pass_of_a_half_precision_unet_takes_the_feature_as_it_crosses(
    dtype: Precision, crosses: str
) -> None:
    torch.manual_seed(0)
    traceable = in_precision(unet_deep(tiny_unet(), (0,), sizes=SIZES, text_length=TOKENS), dtype)
    deep = export_program(traceable, is_static=False)
    types = {**dict.fromkeys(traceable.inputs, "float32"), "feature_0": crosses}
    shapes = {"timestep": (1,), "feature_0": ("batch", 16, "latent_height", "latent_width")}
    axes = ("batch", 4, "latent_height", "latent_width")
    text = ("batch", TOKENS, 16)
    spec = GraphSpec(
        file="f",
        inputs=tuple(
            TensorSpec(name=name, dtype=kind, shape={"encoder_hidden_states": text, **shapes}.get(name, axes))  # type: ignore[arg-type]
            for name, kind in types.items()
        ),
        outputs=(),
        parameters=0,
        flops=0,
        relative_error=0.0,
    )

    shallow = shallow_program(deep, 0, spec=spec)

    inputs = shallow.traceable.inputs
    assert inputs["feature_0"].dtype == getattr(torch, crosses)
    with torch.no_grad():
        noise, feature = deep.exported.module(check_guards=False)(*traceable.inputs.values())
        given = {name: traceable.inputs[name] for name in inputs if name != "feature_0"}
        given["feature_0"] = feature.to(getattr(torch, crosses))
        (made,) = shallow.exported.module(check_guards=False)(*given.values())
    assert made.dtype == torch.float32
    assert torch.equal(made, noise)


def test_the_outermost_cut_keeps_no_deeper_block(deep: Program) -> None:
    shallow = cut_module(deep.exported.module(check_guards=False), 1)
    kept = {name.removeprefix("unet.").partition(".")[0] for name in shallow.state_dict()}
    resnets = [name for name in shallow.state_dict() if "resnets" in name and not name.startswith("unet.up_blocks.1.")]

    assert kept == {"conv_in", "time_embedding", "up_blocks", "conv_norm_out", "conv_out"}
    assert resnets == []


def test_a_graph_whose_features_are_no_part_of_a_join_is_refused() -> None:
    class Plain(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return x + 1, x * 2

    module = torch.export.export(Plain(), (torch.zeros(2),)).module(check_guards=False)
    with pytest.raises(ExportError, match="cannot be cut"):
        cut_module(module, 1)


def test_every_graph_has_a_package_that_was_held_against_torch(manifest: Manifest) -> None:
    assert manifest.inductor is not None
    assert set(manifest.inductor.graphs) == set(manifest.graphs)
    for package in manifest.inductor.graphs.values():
        assert 0 < package.relative_error <= 1e-4
        assert {package.file, package.weights} <= set(manifest.files)


def test_verification_reads_the_packages_too(inductor_bundle: Path) -> None:
    files = set(verify_files(read_bundle(inductor_bundle)))

    assert {"inductor/unet_deep.pt2", "inductor/unet.safetensors"} <= files


def weights_within(package: Path) -> list[str]:
    """The constants of a package whose values are in its own files."""
    with zipfile.ZipFile(package) as archive:
        code = b"".join(archive.read(name) for name in archive.namelist())
    metadata = read_metadata(package)
    with safe_open(package.parent / metadata.weights, "np") as weights:
        return [name for name in metadata.constants if _is_within(weights.get_tensor(name), code)]


def _is_within(values: NDArray[Any], code: bytes) -> bool:
    # Code is full of zeros and ones, as fresh biases are, and AVX-512 code of 0, 1, 2 and so on, as position_ids are.
    says_little = len(set(values.flat)) <= 8 or np.issubdtype(values.dtype, np.integer)
    return not says_little and values.tobytes() in code


def test_no_package_holds_a_weight(inductor_bundle: Path) -> None:
    packages = sorted((inductor_bundle / "inductor").glob("*.pt2"))

    assert {package.name: weights_within(package) for package in packages} == {
        f"{name}.pt2": [] for name in ("text_encoder", "unet_deep", "unet_shallow_0", "vae_decoder", "vae_encoder")
    }


@pytest.mark.parametrize("graph", ["text_encoder", "unet_deep"])
def test_a_weight_that_a_package_held_would_be_found(graph: str, inductor_bundle: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(inductor_bundle / "inductor", tmp_path / "inductor"))
    package = folder / f"{graph}.pt2"
    metadata = read_metadata(package)
    with safe_open(folder / metadata.weights, "np") as weights:
        planted = next(name for name in metadata.constants if weights.get_tensor(name).ndim == 2 and "weight" in name)
        with zipfile.ZipFile(package, "a") as archive:
            archive.writestr("data/constants.bin", b"\0" * 5 + weights.get_tensor(planted).tobytes())

    assert weights_within(package) == [planted]


def test_the_weights_of_the_unet_are_written_once(inductor_bundle: Path, manifest: Manifest) -> None:
    folder = inductor_bundle / "inductor"
    unet = tiny_unet()
    with safe_open(folder / "unet.safetensors", "np") as weights:
        written = {name: math.prod(weights.get_slice(name).get_shape()) for name in weights.keys()}  # noqa: SIM118

    assert sum(written.values()) == sum(parameter.numel() for parameter in unet.parameters())
    assert sorted(path.name for path in folder.glob("*.safetensors")) == [
        "text_encoder.safetensors",
        "unet.safetensors",
        "vae_decoder.safetensors",
        "vae_encoder.safetensors",
    ]
    assert manifest.inductor is not None
    assert {manifest.inductor.graphs[name].weights for name in ("unet_deep", "unet_shallow_0")} == {
        "inductor/unet.safetensors"
    }


def test_each_half_of_the_vae_has_its_own_weights_only(inductor_bundle: Path) -> None:
    for half, other in (("decoder", "encoder"), ("encoder", "decoder")):
        with safe_open(inductor_bundle / "inductor" / f"vae_{half}.safetensors", "np") as weights:
            names = list(weights.keys())

        assert any(name.startswith(f"vae.{half}.") for name in names)
        assert not any(name.startswith(f"vae.{other}.") for name in names)


def test_weights_are_as_readable_as_the_bundle(inductor_bundle: Path) -> None:
    folder = inductor_bundle / "inductor"

    assert folder.joinpath("unet.safetensors").stat().st_mode & 0o666 == folder.stat().st_mode & 0o666


def test_the_shallow_package_wants_a_part_of_what_the_deep_one_wants(inductor_bundle: Path) -> None:
    deep, shallow = (
        read_metadata(inductor_bundle / "inductor" / f"{name}.pt2").constants
        for name in ("unet_deep", "unet_shallow_0")
    )

    assert shallow.items() < deep.items()


def test_two_tensors_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="different tensors called w"):
        write_weights([{"w": torch.zeros(2)}, {"w": torch.ones(2)}], tmp_path / "w.safetensors")


def test_tensors_that_share_memory_are_written_apart(tmp_path: Path) -> None:
    whole = torch.arange(6.0)
    write_weights([{"whole": whole, "end": whole[4:]}], tmp_path / "w.safetensors")

    with safe_open(tmp_path / "w.safetensors", "np") as weights:
        assert weights.get_tensor("end").tolist() == [4, 5]


def test_without_a_compiler_the_error_names_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._inductor import config

    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        config.patch({"cpp.cxx": ("no-such-compiler",)}),
        pytest.raises(ExportError, match=r"linear: torch cannot compile it for cpu: .*g\+\+") as caught,
    ):
        compile_package(linear_program(), tmp_path / "p.pt2", device="cpu", weights="w.safetensors")

    assert "\n" not in str(caught.value)


def test_packages_for_a_gpu_are_refused_at_once_without_one(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(InputError, match="sees no GPU"):
        PackageWriter(tmp_path, "cuda")


def test_onnx_is_always_among_the_artifacts() -> None:
    assert parse_artifacts(["inductor"]) == {"onnx", "inductor"}
    assert parse_artifacts(["onnx,inductor", "onnx"]) == {"onnx", "inductor"}
    assert not ExportOptions().with_inductor


def test_an_unknown_artifact_is_refused(tmp_path: Path) -> None:
    assert_refused(accel("export", "--artifact", "tflite", cwd=tmp_path), "expected one of onnx, inductor", code=2)


def test_the_passes_run_under_torch_compile_too() -> None:
    torch.manual_seed(0)
    unet = tiny_unet().eval()
    passes = compiled_modules(unet, (0,), sizes=SIZES, text_length=TOKENS, backend="eager")
    inputs = unet_deep(unet, (0,), sizes=SIZES, text_length=TOKENS).inputs
    with torch.no_grad():
        noise, feature = passes.deep(*inputs.values())
        (again,) = passes.shallow[0](*inputs.values(), feature)

    assert torch.equal(again, noise)
    assert torch.allclose(noise, unet(*inputs.values(), return_dict=False)[0], atol=1e-5)
