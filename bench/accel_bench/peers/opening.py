"""Open peers for a measurement, and end them afterwards."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from accel_bench.peers.catalogue import PeerChoice, parse_peer
from accel_bench.peers.contender import PeerContender, Residence
from accel_bench.peers.environments import python_of
from accel_bench.peers.models import check_weights, converted
from accel_bench.peers.work import PeerWork
from accel_bench.timing.meters import Meters, NoMeters
from accel_runtime.bundle.bundle import read_bundle
from accel_runtime.bundle.forms import choose_form
from accel_runtime.errors import InputError

# Memory of a model while it draws, per byte of its files: a guess on the safe side.
_PER_FILE_BYTE: Final = 1.6
_SHARE: Final = 0.9
_PATIENCE_S: Final = 3600.0
_NO_METERS: Final = NoMeters()
# The pipelines that peers open. Others give their UNet more than text.
_FAMILY: Final = ("StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline")


def choose_residence(models: Sequence[Path], *, bundle: Path) -> Residence:
    """Choose `STAY` where all models and the bundle fit into the memory that is free now."""
    available = available_bytes()
    needed = _PER_FILE_BYTE * sum(map(folder_bytes, (*models, bundle)))
    return Residence.STAY if available is None or needed <= _SHARE * available else Residence.RESTART


def available_bytes() -> int | None:
    """Memory that is available without swapping; None where the system does not report it."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    (line,) = (line for line in lines if line.startswith("MemAvailable:"))
    return int(line.split()[1]) * 1024


def folder_bytes(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _say_nothing(_: str) -> None:
    """The default of `open_peers`."""


@contextmanager
def open_peers(
    names: Sequence[str],
    work: PeerWork,
    *,
    residence: Residence | None = None,
    patience_s: float = _PATIENCE_S,
    meters: Meters = _NO_METERS,
    tell: Callable[[str], None] = _say_nothing,
) -> Iterator[tuple[PeerContender, ...]]:
    """Open the peers called ``names``. Each loads its model at its warm-up, and all end with the block.

    Args:
        names: Names of peers, such as `diffusers:bf16`.
        work: What the peers draw.
        residence: Whether they stay in memory between drawings; None decides by the free memory.
        patience_s: Longest time in seconds for loading, and for one drawing.
        meters: Meters of the processor, which all peers draw on.
        tell: Called with a message before a conversion, which takes minutes and is done once.

    Raises:
        InputError: A peer is unknown or not installed, the bundle is of a pipeline that peers do not draw, the weights
            are not the bundle's, or ONNX Runtime's CPU provider cannot run the bundle.
        PeerError: A conversion failed.
    """
    choices = _choices(names)
    _check_family(choices, work)
    pythons = [python_of(choice.kind) for choice in choices]
    weights = _weights(choices, work)
    models = [
        _model(choice, work, weights=weights, python=python, tell=tell)
        for choice, python in zip(choices, pythons, strict=True)
    ]
    staying = residence or choose_residence(models, bundle=work.bundle)
    with tempfile.TemporaryDirectory(prefix="accel-peers-") as scratch:
        contenders = []
        for index, (choice, python, model) in enumerate(zip(choices, pythons, models, strict=True)):
            own = Path(scratch) / str(index)
            own.mkdir()
            contenders.append(PeerContender(choice, work, python, model, own, staying, patience_s, meters))
        try:
            yield tuple(contenders)
        finally:
            for contender in contenders:
                contender.close()


def _choices(names: Sequence[str]) -> tuple[PeerChoice, ...]:
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise InputError(f"peer {doubled!r}: expected each peer once, got it twice: every round draws with it anyway")
    return tuple(map(parse_peer, names))


def _check_family(choices: Sequence[PeerChoice], work: PeerWork) -> None:
    pipeline = read_bundle(work.bundle, verification="sizes").manifest.provenance.pipeline_class
    if choices and pipeline not in _FAMILY:
        raise InputError(
            f"peer {choices[0].name}: expected a bundle of {' or '.join(_FAMILY)}, which peers draw, got {pipeline}: "
            "measure it alone"
        )


def _weights(choices: Sequence[PeerChoice], work: PeerWork) -> Path | None:
    needing = next((choice for choice in choices if choice.kind.model != "bundle"), None)
    if needing is None:
        return None
    if work.weights is None:
        raise InputError(
            f"peer {needing.name}: expected the weights that the bundle was exported from, got none: add --peer-weights"
        )
    check_weights(work.weights, bundle=work.bundle)
    return work.weights.absolute()


def _model(
    choice: PeerChoice, work: PeerWork, *, weights: Path | None, python: Path, tell: Callable[[str], None]
) -> Path:
    if weights is None or choice.kind.model == "bundle":
        choose_form(read_bundle(work.bundle, verification="sizes"), "cpu", "plain")
        return work.bundle.absolute()
    if choice.kind.model == "weights":
        return weights
    return converted(choice.kind, weights, python=python, tell=tell)
