"""Time matrix products and convolutions by the libraries that run bundles, in each precision that they have here."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Final

import numpy as np

from accel_bench.doctor.peaks import MeasuredPeaks, Operation, Timed
from accel_bench.records.environment import read_environment
from accel_runtime.backends import Backend, make_backend
from accel_runtime.backends.base import BoundCall
from accel_runtime.errors import BackendError, InputError, MissingExtraError

GRAPHS: Final = Path(__file__).parent / "graphs"
# Operations one after another in a graph, so that turning its float32 input and output into other layouts counts
# little: a single convolution reaches two thirds of the rate.
CHAIN: Final = 4
# The size of each operation's input, which its output has too: as large as those of Stable Diffusion, and done within
# the slice of time that a busy machine gives.
SHAPES: Final[Mapping[Operation, tuple[int, ...]]] = {"matmul": (1024, 1024), "convolution": (1, 320, 32, 32)}
# A filter is 3×3.
_FLOPS: Final[Mapping[Operation, int]] = {
    "matmul": CHAIN * 2 * 1024**3,
    "convolution": CHAIN * 2 * 9 * 320**2 * 32**2,
}
# dtype → providers that may compute in it, and the graphs that they then run, by what follows the operation's name.
_CASES: Final = (
    ("float32", "cpu", ""),
    ("float32", "openvino:f32", ""),
    ("bfloat16", "openvino:bf16", ""),
    ("int8", "cpu", "_int8"),
    ("int8", "openvino", "_int8"),
)
WARM_UPS: Final = 2


@dataclass(slots=True, eq=False)
class _Case:
    """An operation that is ready to run, and its times so far."""

    operation: Operation
    dtype: str
    library: str
    call: BoundCall
    seconds: list[float] = field(default_factory=list)

    def run(self) -> None:
        started = perf_counter()
        self.call.run()
        self.seconds.append(perf_counter() - started)

    def timed(self) -> Timed:
        kept = tuple(self.seconds[WARM_UPS:])
        return Timed(self.operation, self.dtype, self.library, _FLOPS[self.operation], kept)


def measure_peaks(*, threads: int, rounds: int, tell: Callable[[str], None]) -> Generator[str, None, MeasuredPeaks]:
    """Run every case once a round.

    Args:
        threads: Threads of an operator.
        rounds: Rounds that count; one takes a second or less.
        tell: Is told what cannot be measured here, and why.

    Yields:
        Each round that was run, warm-ups included.

    Returns:
        All times.

    Raises:
        InputError: There are no threads or no rounds.
        BackendError: Neither library runs here.
    """
    if rounds < 1:
        raise InputError(f"rounds: expected 1 or more, got {rounds}")
    environment, cases = read_environment(), []
    for dtype, provider, suffix in _CASES:
        try:
            cases += _open(dtype, provider, suffix=suffix, threads=threads)
        except (BackendError, MissingExtraError) as error:
            tell(f"{dtype} by {provider} is not measured: {error}")
    if not cases:
        raise BackendError(
            "peaks: expected ONNX Runtime or OpenVINO, got neither: pip install 'accel-sd[cpu,openvino]'"
        )
    for done in range(WARM_UPS + rounds):
        for case in cases:
            case.run()
        yield f"round {done + 1}"
    timed = tuple(case.timed() for case in cases)
    return MeasuredPeaks(environment=environment, threads=threads, timed=timed)


def _open(dtype: str, provider: str, *, suffix: str, threads: int) -> list[_Case]:
    backend = make_backend(provider, threads=threads)
    ran = backend.describe()
    library = f"{ran.backend} {ran.version.partition('-')[0]}"
    return [
        _Case(operation, dtype, library, _bind(backend, GRAPHS / f"{operation}{suffix}.onnx", shape=shape))
        for operation, shape in SHAPES.items()
    ]


def _bind(backend: Backend, path: Path, *, shape: tuple[int, ...]) -> BoundCall:
    x, y = backend.allocate(shape), backend.allocate(shape)
    # Numbers of a normal size: zeros and denormals have times of their own.
    x.write(np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32))
    return backend.load(path).bind({"x": x}, {"y": y})
