"""AOTInductor packages: the passes of a bundle compiled ahead of time by torch."""

from accel_exporter.inductor.compiled import CompiledPasses, compiled_modules
from accel_exporter.inductor.write import PackageWriter

__all__ = ["CompiledPasses", "PackageWriter", "compiled_modules"]
