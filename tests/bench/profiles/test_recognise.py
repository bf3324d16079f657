"""Devices are recognised by what drivers say of them, and by nothing else."""

from pathlib import Path

import pytest
from tests.bench.profiles.kfd import card, write_host

from accel_bench.doctor.devices import Device, parse_nvidia_smi, read_devices, read_kfd
from accel_bench.profiles import list_profiles, load_profile, matches, matching_devices
from accel_runtime.errors import InputError

CDNA3 = 90402

# (product name or "", the driver's code name, what the driver says) → the profiles that it has.
AMD = [
    ("AMD INSTINCT MI250 (MCM) OAM AC MBA", "aldebaran", card(0x740C, simds=416), ["mi250"]),
    ("AMD Instinct MI250X / MI250", "aldebaran", card(0x740C, simds=416), ["mi250"]),
    ("AMD Instinct MI250X / MI250", "aldebaran", card(0x740C, simds=440), ["mi250x"]),
    ("", "aldebaran", card(0x740C, simds=416), ["mi250"]),
    ("", "ip discovery", card(0x7408, simds=440), ["mi250x"]),
    ("AMD Instinct MI210", "aldebaran", card(0x740F, simds=416), []),
    ("", "aldebaran", card(0x740F, simds=416), []),
    ("AMD Instinct MI300X OAM", "ip discovery", card(0x74A1, simds=1216, version=CDNA3), ["mi300x"]),
    ("", "ip discovery", card(0x74A1, simds=1216, version=CDNA3), ["mi300x"]),
    ("AMD Instinct MI300X OAM", "ip discovery", card(0x74A1, simds=152, version=CDNA3), []),
    ("AMD Instinct MI325X", "ip discovery", card(0x74A5, simds=1216, version=CDNA3), []),
]

# A line of `nvidia-smi --query-gpu=name,driver_version,memory.total,compute_cap` → the profiles that it has.
NVIDIA = [
    ("NVIDIA A100-SXM4-40GB, 535.104.05, 40960, 8.0", ["a100"]),
    ("NVIDIA A100 80GB PCIe, 535.104.05, 81920, 8.0", ["a100"]),
    ("NVIDIA H100 80GB HBM3, 580.65.06, 81559, 9.0", ["h100"]),
    ("NVIDIA H100 PCIe, 580.65.06, 81559, 9.0", []),
    ("NVIDIA H100 NVL, 580.65.06, 95830, 9.0", []),
    ("NVIDIA H200, 580.65.06, 143771, 9.0", ["h200"]),
    ("NVIDIA GH200 480GB, 580.65.06, 97871, 9.0", []),
    ("NVIDIA A10G, 580.65.06, 23028, 8.6", []),
    ("NVIDIA GB10, 580.65.06, [N/A], 12.1", []),
]


def profiles_of(device: Device) -> list[str]:
    return [profile.name for profile in list_profiles() if matches(profile.device, device)]


def amd(root: Path, product: str, name: str, *, facts: dict[str, int], count: int = 1) -> list[Device]:
    write_host(root, [facts] * count, product=product, name=name)
    return read_kfd(root / "nodes", drm=root / "drm", rocm="7.2.4")


@pytest.mark.parametrize(("product", "name", "facts", "expected"), AMD)
def test_a_card_of_amd_is_told_by_name_or_pci_id_and_by_its_compute_units(
    tmp_path: Path, product: str, name: str, facts: dict[str, int], expected: list[str]
) -> None:
    (device,) = amd(tmp_path, product, name, facts=facts)

    assert profiles_of(device) == expected


@pytest.mark.parametrize(("line", "expected"), NVIDIA)
def test_a_card_of_nvidia_is_told_by_its_name(line: str, expected: list[str]) -> None:
    (device,) = parse_nvidia_smi(f"{line}\n")

    assert profiles_of(device) == expected


def test_both_dies_of_a_card_are_found(tmp_path: Path) -> None:
    devices = amd(tmp_path, "AMD INSTINCT MI250 (MCM) OAM AC MBA", "aldebaran", facts=card(0x740C, simds=416), count=2)

    assert matching_devices(load_profile("mi250"), devices) == tuple(devices)
    assert [device.compute_units for device in devices] == [104, 104]


def test_another_card_is_refused_by_name(tmp_path: Path) -> None:
    cpu = Device("cpu", "AMD EPYC 9654", 2**38, "x86_64", {})
    devices = [cpu, *amd(tmp_path, "AMD Instinct MI210", "aldebaran", facts=card(0x740F, simds=416), count=2)]

    with pytest.raises(InputError) as refused:
        matching_devices(load_profile("mi250"), devices)

    assert str(refused.value) == (
        "profile mi250 is for AMD Instinct MI250 (gfx90a, 104 compute units); this machine has AMD EPYC 9654 (x86_64) "
        "and 2 × AMD Instinct MI210 (gfx90a, 104 compute units): run it there, or run its configs elsewhere with "
        "--device cpu --allow-other-device"
    )


def test_this_machine_has_the_profile_cpu() -> None:
    (device,) = matching_devices(load_profile("cpu"), read_devices())

    assert device.kind == "cpu"


def test_a_card_that_this_container_must_not_read_is_left_out(tmp_path: Path) -> None:
    write_host(tmp_path, [card(0x740C, simds=416)] * 2, name="aldebaran")
    hidden = tmp_path / "nodes" / "2" / "properties"
    hidden.unlink()
    hidden.mkdir()  # cannot be read as a file, whoever runs the test

    devices = read_kfd(tmp_path / "nodes", drm=tmp_path / "drm", rocm="7.2.4")

    assert [device.name for device in devices] == ["aldebaran"]


def test_a_node_that_says_little_is_still_a_card(tmp_path: Path) -> None:
    node = tmp_path / "nodes" / "1"
    node.mkdir(parents=True)
    (node / "properties").write_text("gfx_target_version 90402\n")
    (tmp_path / "nodes" / "generation_id").write_text("2\n")

    (device,) = read_kfd(tmp_path / "nodes", drm=tmp_path / "drm", rocm="not found")

    assert (device.name, device.architecture, device.compute_units, device.memory_bytes) == (
        "AMD GPU",
        "gfx942",
        None,
        None,
    )
