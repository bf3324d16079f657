"""AOTInductor packages: the same images as ONNX Runtime, one copy of the weights, and no way to end the process."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from tests.runtime.backends.packages import change_terms

from accel_runtime import Pipeline, Request, open_bundle
from accel_runtime.backends import InductorBackend, make_backend
from accel_runtime.backends.host import HostBuffer
from accel_runtime.backends.inductor_package import read_metadata
from accel_runtime.bundle.artifacts import locate
from accel_runtime.bundle.bundle import read_bundle
from accel_runtime.errors import BackendError, InputError

PLANS: dict[str, dict[str, Any]] = {
    "full": {"deep": "full"},
    "every second call deep, held": {"deep": "every:2"},
    "every third call deep, a line through the last two": {"deep": "every:3", "forecast": "linear"},
    "unguided": {"deep": "every:2", "guidance": 1.0},
    "guided at first only": {"deep": "every:2", "guided_calls": (0, 2)},
}


@pytest.fixture(scope="module")
def packages(inductor_bundle: Path) -> Pipeline:
    return open_bundle(inductor_bundle, provider="inductor")


@pytest.fixture(scope="module")
def onnx(inductor_bundle: Path) -> Pipeline:
    return open_bundle(inductor_bundle)


@pytest.fixture
def folder(inductor_bundle: Path, tmp_path: Path) -> Path:
    """The packages of the bundle, to be broken."""
    return Path(shutil.copytree(inductor_bundle / "inductor", tmp_path / "inductor"))


def difference(one: NDArray[Any], other: NDArray[Any]) -> float:
    return float(np.abs(one - other).max() / np.abs(other).max())


@pytest.mark.parametrize("name", PLANS)
def test_the_latents_are_those_of_onnx_runtime(name: str, packages: Pipeline, onnx: Pipeline) -> None:
    plan = onnx.plan(6, **PLANS[name])
    request = Request(prompts=("a cat", "a longer prompt"), seed=3)
    made, expected = (pipeline.generate(request, plan) for pipeline in (packages, onnx))

    assert difference(made.latents, expected.latents) <= 1e-4
    assert np.abs(made.images.astype(int) - expected.images.astype(int)).max() <= 1


def test_sizes_and_batches_are_open(packages: Pipeline, onnx: Pipeline) -> None:
    plan = onnx.plan(2, "every:2")
    request = Request(prompts=("a cat",), images_per_prompt=3, height=20, width=28)
    made, expected = (pipeline.generate(request, plan) for pipeline in (packages, onnx))

    assert made.images.shape == (3, 20, 28, 3)
    assert difference(made.latents, expected.latents) <= 1e-4


def test_pictures_are_encoded_as_by_onnx_runtime(packages: Pipeline, onnx: Pipeline) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (16, 24, 3), np.uint8)
    made, expected = (pipeline.components.encode(pixels) for pipeline in (packages, onnx))

    assert difference(made, expected) <= 1e-4


def test_the_deep_and_the_shallow_pass_read_the_same_memory(inductor_bundle: Path) -> None:
    backend = InductorBackend()
    deep, shallow = (backend.load(inductor_bundle / f"inductor/{name}.pt2") for name in ("unet_deep", "unet_shallow_0"))

    assert shallow.weights
    for name, tensor in shallow.weights.items():
        assert tensor.data_ptr() == deep.weights[name].data_ptr()


def test_a_package_follows_its_weights_file(folder: Path) -> None:
    """The numbers come from the file, and not from anything compiled in."""
    weights = load_file(folder / "vae_decoder.safetensors")
    save_file({name: np.zeros_like(values) for name, values in weights.items()}, folder / "vae_decoder.safetensors")
    backend = InductorBackend()
    latents, image = backend.allocate((1, 4, 4, 4)), backend.allocate((1, 3, 8, 8))
    image.write(np.ones((1, 3, 8, 8), np.float32))
    backend.load(folder / "vae_decoder.pt2").bind({"latent_sample": latents}, {"sample": image}).run()

    assert not image.read().any()


def test_rows_are_the_same_memory() -> None:
    buffer = InductorBackend().allocate((4, 2))
    buffer.rows(2, 4).write(np.ones((2, 2), np.float32))

    assert buffer.read()[:, 0].tolist() == [0, 0, 1, 1]


def test_what_is_read_is_the_memory_itself_and_may_be_written_back() -> None:
    buffer = InductorBackend().allocate((2,), "int64")
    values = buffer.read()
    values[:] = 7
    buffer.write(values)

    assert buffer.read().tolist() == [7, 7]


def test_the_description_says_what_runs() -> None:
    import torch

    described = InductorBackend().describe()

    assert (described.backend, described.provider) == ("torch", "AOTInductor-cpu")
    assert described.version == torch.__version__
    assert described.options["threads"] == torch.get_num_threads()


def _without(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        weights = load_file(folder / "unet.safetensors")
        del weights[name]
        save_file(weights, folder / "unet.safetensors")

    return change


def _with(name: str, values: NDArray[Any]) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        save_file(load_file(folder / "unet.safetensors") | {name: values}, folder / "unet.safetensors")

    return change


def _metadata(**changes: Any) -> Callable[[Path], None]:
    return lambda folder: change_terms(folder / "unet_deep.pt2", **changes)


BIAS = "unet.conv_in.bias"
BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "another torch": (_metadata(torch="2.12.1+cpu"), "compiled by torch 2.12.1.*install that version"),
    "another device": (_metadata(device="cuda"), "compiled for cuda, asked to run on cpu"),
    "a better CPU": (_metadata(instructions="AVX999"), "compiled for AVX999, but this CPU has"),
    "a weight that is missing": (_without(BIAS), f"{BIAS} is missing"),
    "a weight of another shape": (_with(BIAS, np.zeros(3, np.float32)), r"expects float32 \[16\], got float32 \[3\]"),
    "a weight of another type": (_with(BIAS, np.zeros(16, np.float16)), r"expects float32 \[16\], got float16 \[16\]"),
    "no weights": (lambda f: (f / "unet.safetensors").unlink(), "unet.safetensors: cannot be read"),
    "weights cut short": (lambda f: (f / "unet.safetensors").write_bytes(b"\x08"), "unet.safetensors: cannot be read"),
    "metadata that forgets the weights": (
        _metadata(constants={}),
        "the package wants .*, which its metadata does not name",
    ),
    "no package": (lambda f: (f / "unet_deep.pt2").unlink(), "cannot be read as an AOTInductor package"),
    "a package cut short": (lambda f: (f / "unet_deep.pt2").write_bytes(b"PK"), "cannot be read as an AOTInductor"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_package_that_cannot_run_is_refused_in_one_line(name: str, folder: Path) -> None:
    change, message = BROKEN[name]
    change(folder)
    with pytest.raises(BackendError, match=message) as caught:
        InductorBackend().load(folder / "unet_deep.pt2")

    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


def test_without_its_weights_a_package_never_ends_the_process(folder: Path) -> None:
    """In a process of its own, for torch itself would end it by a segmentation fault."""
    _without(BIAS)(folder)
    code = (
        "import sys; from pathlib import Path; from accel_runtime.errors import BackendError\n"
        "from accel_runtime.backends import InductorBackend\n"
        "backend = InductorBackend()\n"
        "try: backend.load(Path(sys.argv[1])).bind({}, {}).run()\n"
        "except BackendError as error: print(error); sys.exit(7)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder / "unet_deep.pt2")], capture_output=True, text=True, check=False
    )

    assert done.returncode == 7, done.stderr
    assert f"{BIAS} is missing" in done.stdout


def test_a_call_needs_every_input_and_names_only_outputs_there_are(inductor_bundle: Path) -> None:
    backend = InductorBackend()
    session = backend.load(inductor_bundle / "inductor" / "vae_decoder.pt2")
    latents, image = backend.allocate((1, 4, 4, 4)), backend.allocate((1, 3, 8, 8))

    with pytest.raises(BackendError, match="expected latent_sample, got "):
        session.bind({}, {"sample": image})
    with pytest.raises(BackendError, match="got picture"):
        session.bind({"latent_sample": latents}, {"picture": image})


def test_buffers_of_another_backend_are_refused(inductor_bundle: Path) -> None:
    session = InductorBackend().load(inductor_bundle / "inductor" / "vae_decoder.pt2")
    latents = HostBuffer(np.zeros((1, 4, 4, 4), np.float32))

    with pytest.raises(BackendError, match="got HostBuffer"):
        session.bind({"latent_sample": latents}, {})


def test_a_bundle_without_packages_says_how_to_get_them(inductor_bundle: Path) -> None:
    bundle = read_bundle(inductor_bundle, verification="sizes")
    plain = replace(bundle, manifest=msgspec.structs.replace(bundle.manifest, inductor=None))

    with pytest.raises(BackendError, match="accel export --artifact inductor"):
        locate(plain, "unet_deep", artifact="inductor")


def test_a_package_states_inputs_and_outputs_as_the_manifest_does(inductor_bundle: Path) -> None:
    bundle = read_bundle(inductor_bundle, verification="sizes")
    for name, graph in bundle.manifest.graphs.items():
        metadata = read_metadata(bundle.path(locate(bundle, name, artifact="inductor")))

        assert metadata.inputs == tuple(tensor.name for tensor in graph.inputs)
        assert metadata.outputs == tuple(tensor.name for tensor in graph.outputs)


def test_without_torch_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from accel_runtime.errors import MissingExtraError\n"
        "from accel_runtime.backends import InductorBackend\n"
        "try: InductorBackend()\n"
        "except MissingExtraError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "accel-sd[inductor]" in done.stdout


def test_the_provider_names_the_backend() -> None:
    assert isinstance(make_backend("inductor"), InductorBackend)
    assert make_backend("cpu").artifact == "onnx"
    with pytest.raises(InputError, match=r"expected one of auto, cpu, .*inductor"):
        make_backend("tpu")


def test_packages_for_a_gpu_need_one() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(BackendError, match="sees no GPU"):
        make_backend("inductor-cuda")
