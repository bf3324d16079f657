"""The peaks of a processor, as `accel doctor --measure` found them, kept for the benchmarks of the same machine.

docs/design/0028-cpu.md says why they are kept by content.
"""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from accel_bench.records.bench import Peaks
from accel_bench.records.bounds import Count, Many, Seconds
from accel_bench.records.environment import Environment, available_cores
from accel_runtime.backends import BackendDescription
from accel_runtime.base.reading import decode_json, read_document
from accel_runtime.base.user_cache import user_cache
from accel_runtime.durable import make_folder, write_bytes
from accel_runtime.errors import AccelError, InputError

_VARIABLE: Final = "ACCEL_PEAKS"
_FORMAT: Final = 1
# The packages whose kernels are measured.
_LIBRARIES: Final = ("onnxruntime", "openvino")
# OpenVINO's name of a precision → the dtype. ONNX Runtime computes in the dtype of the graph.
_DTYPES: Final = {"f32": "float32", "bf16": "bfloat16", "f16": "float16"}

Operation = Literal["matmul", "convolution"]


class Timed(msgspec.Struct, frozen=True):
    """One operation by one library.

    Attributes:
        operation: What was computed.
        dtype: What it was computed in.
        library: The library and its version.
        flops: Floating-point operations of a run; those of int8 are counted alike.
        seconds: Each run, in order.
    """

    operation: Operation
    dtype: str
    library: str
    flops: Count
    seconds: Annotated[tuple[Seconds, ...], Many]

    @property
    def flops_per_s(self) -> float:
        """Rate of the fastest run: neighbours only ever slow one down."""
        return self.flops / min(self.seconds)


class MeasuredPeaks(msgspec.Struct, frozen=True, kw_only=True):
    """What a processor reached.

    Attributes:
        format: Version of these fields and of what is measured.
        environment: Machine and packages; its load average tells how busy the machine was.
        threads: Threads of an operator.
        timed: Every operation, in each precision and by each library that runs it here.
    """

    format: Literal[1] = _FORMAT
    environment: Environment
    threads: Count
    timed: Annotated[tuple[Timed, ...], Many]

    def fastest(self, dtype: str, operation: Operation | None = None) -> Timed | None:
        """The highest rate in a precision, of one operation or of any; None where none was timed."""
        fitting = [each for each in self.timed if each.dtype == dtype and operation in (None, each.operation)]
        return max(fitting, key=lambda each: each.flops_per_s, default=None)

    @property
    def dtypes(self) -> Sequence[str]:
        """The precisions that were timed, in order."""
        return tuple(dict.fromkeys(each.dtype for each in self.timed))

    @property
    def peaks(self) -> Peaks:
        """The highest rate of each precision, as records keep them."""
        best = [found for dtype in self.dtypes if (found := self.fastest(dtype))]
        told = ", ".join(f"{each.dtype} {each.operation} by {each.library}" for each in best)
        rates = {each.dtype: each.flops_per_s for each in best}
        return Peaks(rates, bytes_per_s=None, source=f"accel doctor --measure, {self.threads} threads: {told}")


def keep_peaks(peaks: MeasuredPeaks) -> Path:
    """Write peaks to where `find_peaks` looks; returns the file.

    Raises:
        WriteError: The file cannot be written.
    """
    path = _file(peaks.environment, peaks.threads)
    make_folder(path.parent)
    write_bytes(path, msgspec.json.format(msgspec.json.encode(peaks), indent=2) + b"\n")
    return path


def find_peaks(environment: Environment, threads: int) -> MeasuredPeaks | None:
    """The peaks of this processor with so many threads and these libraries; None where nobody measured them.

    A file that cannot be read counts as none: it can be made again, and a benchmark does not fail over it.
    """
    path = _file(environment, threads)
    if not path.exists():
        return None
    try:
        return decode_json(read_document(path, error=InputError), MeasuredPeaks, path=path, error=InputError)
    except AccelError:
        return None


def computing_dtype(backend: BackendDescription, dtype: str) -> str:
    """What a graph of ``dtype`` is computed in: OpenVINO chooses for itself, and tells.

    Of a graph with layers in int8 it tells what the others are in, so that stays as it is; no peak is its limit.
    """
    if dtype.startswith("int8"):
        return dtype
    return _DTYPES.get(str(backend.options.get("inference_precision")), dtype)


def threads_of(backend: BackendDescription) -> int:
    """Threads that an operator has: those that the backend tells, else every core of this process."""
    told = backend.options.get("inference_num_threads") or backend.options.get("intra_op_num_threads")
    return int(told or available_cores())


def _file(environment: Environment, threads: int) -> Path:
    versions = {name: environment.packages.get(name) for name in _LIBRARIES}
    content = [_FORMAT, environment.cpu, environment.instructions, threads, versions]
    digest = sha256(msgspec.json.encode(content, order="sorted")).hexdigest()[:16]
    return user_cache("peaks", variable=_VARIABLE) / f"{digest}.json"
