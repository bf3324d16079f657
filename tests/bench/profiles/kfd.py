"""The kernel's folders for AMD's cards, as sysfs has them."""

from collections.abc import Sequence
from pathlib import Path


def write_node(root: Path, number: int, facts: dict[str, int], *, product: str = "", name: str = "") -> None:
    """One node of the compute driver, with its memory and, where the card says it, its product name."""
    node = root / "nodes" / str(number)
    bank = node / "mem_banks" / "0"
    bank.mkdir(parents=True)
    (node / "properties").write_text("".join(f"{key} {value}\n" for key, value in facts.items()))
    (node / "name").write_text(f"{name}\n")
    (bank / "properties").write_text(f"heap_type 1\nsize_in_bytes {64 * 2**30}\n")
    if product:
        device = root / "drm" / f"renderD{facts['drm_render_minor']}" / "device"
        device.mkdir(parents=True)
        (device / "product_name").write_text(f"{product}\n")


def write_host(root: Path, cards: Sequence[dict[str, int]], *, product: str = "", name: str = "") -> None:
    """A machine with one processor, which is node 0, and ``cards``."""
    write_node(root, 0, {"cpu_cores_count": 64, "simd_count": 0, "gfx_target_version": 0})
    for number, card in enumerate(cards, start=1):
        facts = {"cpu_cores_count": 0, "simd_per_cu": 4, "drm_render_minor": 127 + number, **card}
        write_node(root, number, facts, product=product, name=name)


def card(pci_id: int, *, simds: int, version: int = 90010) -> dict[str, int]:
    """What the driver says of a card or die; the version is that of AMD's second CDNA generation, gfx90a."""
    return {"simd_count": simds, "gfx_target_version": version, "device_id": pci_id}
