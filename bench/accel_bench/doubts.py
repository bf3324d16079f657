"""What every record's table says of the machine, and of how far to trust its times."""

from accel_bench.environment import Environment
from accel_runtime.backends import BackendDescription


def runs(backend: BackendDescription) -> str:
    """What ran, with the graphs' form where it is not the usual one."""
    form = backend.options.get("form", "plain")
    return f"{backend.backend} {backend.provider}" + ("" if form == "plain" else f", {form} graphs")


def machine(backend: BackendDescription, environment: Environment) -> str:
    """What ran, and on what, for a heading."""
    return f"{runs(backend)}, version {backend.version}, {environment.cpu}, {environment.cores} cores"


def run_doubts(environment: Environment, samples: int, *, unit: str) -> list[str]:
    """Reasons not to trust a spread of times: other load, or too few samples, called ``unit``."""
    doubts = []
    if environment.load_average > 0.5:
        doubts.append(f"other load on the machine before the run: load average {environment.load_average:.1f}")
    if samples < 3:
        doubts.append(f"only {samples} {unit}: a spread needs at least 3")
    return doubts
