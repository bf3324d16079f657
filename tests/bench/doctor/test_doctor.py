"""`accel doctor`: what it says is what was tried."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from tests.bench.profiles.kfd import card, write_host, write_node
from tests.command import accel, assert_refused

from accel_bench.doctor import CANDIDATES
from accel_bench.doctor.devices import parse_nvidia_smi, read_kfd
from accel_bench.doctor.probing import probe_apart
from accel_runtime.backends.onnxruntime.memory import COPIES
from accel_runtime.backends.probe import GRAPH


def test_it_runs_a_graph_on_what_is_here_and_says_what_to_install_for_the_rest(tmp_path: Path) -> None:
    done = accel("doctor", "--json", cwd=tmp_path)
    report = json.loads(done.stdout)
    found = {finding["provider"]: finding for finding in report["providers"]}

    assert done.returncode == 0
    assert found.keys() == set(CANDIDATES)
    assert found["cpu"]["ran"]["provider"] == "CPUExecutionProvider"
    assert "accel-sd[rocm]" in found["rocm"]["reason"]
    assert report["devices"][0]["kind"] == "cpu"
    assert "accel-sd[rocm]" in accel("doctor", cwd=tmp_path).stdout.replace("\n", "")


def test_a_provider_that_takes_its_process_down_is_a_finding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    crashing = tmp_path / "python"
    crashing.write_text("#!/bin/sh\necho the driver gave up >&2\nkill -SEGV $$\n")
    crashing.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(crashing))

    finding = probe_apart("cuda")

    assert not finding.usable
    assert finding.reason == "its process failed: it ended with signal 11: the driver gave up"


def test_the_probe_is_the_graph_that_it_is_said_to_be() -> None:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "probe", values[:1], values[1:])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="accel")

    assert onnx.load(GRAPH) == made


@pytest.mark.parametrize("path", sorted(COPIES.glob("*.onnx")), ids=lambda path: path.stem)
def test_a_graph_that_copies_is_the_graph_that_it_is_said_to_be(path: Path) -> None:
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(path.stem))
    values = [helper.make_tensor_value_info(name, kind, None) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "copy", values[:1], values[1:])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="accel")

    assert onnx.load(path) == made


def test_it_opens_a_bundle_on_the_providers_that_are_named(bundle_folder: Path, tmp_path: Path) -> None:
    done = accel("doctor", "--bundle", bundle_folder, "--provider", "cpu", "--json", cwd=tmp_path)

    assert done.returncode == 0
    (found,) = json.loads(done.stdout)["providers"]
    assert found["usable"]
    assert "auto takes" not in accel("doctor", "--provider", "cpu", cwd=tmp_path).stdout


def test_a_folder_that_is_no_bundle_is_one_line(tmp_path: Path) -> None:
    assert_refused(accel("doctor", "--bundle", tmp_path, cwd=tmp_path), "not a bundle")


def test_a_bundle_that_a_provider_cannot_open_is_a_finding(bundle_folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(bundle_folder, broken)
    graph = broken / "vae_decoder" / "model.onnx"
    graph.write_bytes(b"0" * graph.stat().st_size)

    finding = probe_apart("cpu", broken)

    assert not finding.usable
    assert "vae_decoder/model.onnx" in finding.reason


def test_an_nvidia_card_is_read_from_its_drivers_tool() -> None:
    (found,) = parse_nvidia_smi("NVIDIA H100 80GB HBM3, 580.65.06, 81559, 9.0\n")

    assert found.name == "NVIDIA H100 80GB HBM3"
    assert found.memory_bytes == 81559 * 2**20
    assert found.architecture == "sm_90"
    assert found.details == {"driver": "580.65.06"}


def test_the_two_dies_of_an_mi250_are_two_devices(tmp_path: Path) -> None:
    write_host(tmp_path, [card(0x740C, simds=416)] * 2, name="aldebaran")

    dies = read_kfd(tmp_path / "nodes", drm=tmp_path / "drm", rocm="7.2.4")

    assert [die.name for die in dies] == ["aldebaran"] * 2
    assert (dies[0].architecture, dies[0].compute_units, dies[0].pci_id) == ("gfx90a", 104, 0x740C)
    assert dies[0].details == {"ROCm": "7.2.4"}
    assert dies[0].memory_bytes == 64 * 2**30


@pytest.mark.parametrize("left_out", ["simd_count", "simd_per_cu"])
@pytest.mark.parametrize("zero", [True, False])
def test_a_card_whose_driver_does_not_count_its_units_is_listed_without_them(
    tmp_path: Path, left_out: str, *, zero: bool
) -> None:
    facts = {**card(0x740C, simds=416), "simd_per_cu": 4, "drm_render_minor": 128}
    if zero:
        facts[left_out] = 0
    else:
        del facts[left_out]
    write_node(tmp_path, 1, facts, name="aldebaran")

    (device,) = read_kfd(tmp_path / "nodes", drm=tmp_path / "drm", rocm="7.2.4")

    assert (device.name, device.compute_units) == ("aldebaran", None)
