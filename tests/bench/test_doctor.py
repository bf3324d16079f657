"""`accel doctor`: what it says is what was tried."""

import json
import sys
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper
from tests.command import accel

from accel_bench.doctor import CANDIDATES
from accel_bench.doctor.devices import parse_nvidia_smi, read_kfd
from accel_bench.doctor.probing import probe_apart
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
    assert finding.reason == "it took its process down with signal 11: the driver gave up"


def test_the_probe_is_the_graph_that_it_is_said_to_be() -> None:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "probe", values[:1], values[1:])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="accel")

    assert onnx.load(GRAPH) == made


def test_an_nvidia_card_is_read_from_its_drivers_tool() -> None:
    (card,) = parse_nvidia_smi("NVIDIA H100 80GB HBM3, 580.65.06, 81559, 9.0\n")

    assert card.name == "NVIDIA H100 80GB HBM3"
    assert card.memory_bytes == 81559 * 2**20
    assert card.details == {"driver": "580.65.06", "compute capability": "9.0"}


def test_the_two_dies_of_an_mi250_are_two_devices(tmp_path: Path) -> None:
    for node, version in ((0, 0), (1, 90010), (2, 90010)):
        bank = tmp_path / str(node) / "mem_banks" / "0"
        bank.mkdir(parents=True)
        (bank / "properties").write_text(f"heap_type 1\nsize_in_bytes {64 * 2**30}\n")
        (bank.parent.parent / "properties").write_text(f"simd_count 416\ngfx_target_version {version}\n")
        (bank.parent.parent / "name").write_text("aldebaran\n")

    dies = read_kfd(tmp_path, rocm="7.2.4")

    assert [die.name for die in dies] == ["aldebaran"] * 2
    assert dies[0].details == {"architecture": "gfx90a", "ROCm": "7.2.4"}
    assert dies[0].memory_bytes == 64 * 2**30
