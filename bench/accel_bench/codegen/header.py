"""What the header of a script says: where the config is from, what it should give, how it is run."""

import shlex
from collections.abc import Iterator
from typing import Final

from accel_bench.codegen.choice import Choice
from accel_bench.codegen.settings import default_bundle
from accel_bench.codegen.template import COMMAND
from accel_bench.profiles import Figure, Measured, Published
from accel_runtime.backends.choose import INDUCTOR_DEVICES

_NAMES: Final = {
    "latency_s": "{:g} s for a batch",
    "steps_per_s": "{:g} steps a second",
    "speedup": "a speed-up of {:g}",
    "psnr_db": "{:g} dB PSNR to the baseline",
    "score_loss": "a score loss of {:g}",
}


def describe_choice(choice: Choice) -> Iterator[tuple[str, ...]]:
    """Paragraphs on the config and on what it should give."""
    profile, config = choice.profile, choice.config
    against = f", compared with config {config.baseline}" if config.baseline else ""
    yield f"Config {choice.name} of profile {profile.name} ({profile.title}){against}.", *filter(None, [config.note])
    yield (f"sha256 of the profile: {choice.digest}",)
    if config.weights == "random":
        yield ("Its figures are of random weights: only the timings mean something.",)
    figures = config.expected.items()
    yield tuple(
        f"Expected: {_NAMES[key].format(figure.value)}, {_origin(choice, figure)}." for key, figure in figures
    ) or ("Expected: nothing is known.",)


def script_command(script: str, *options: str) -> str:
    """The line that runs a script, indented as a command."""
    return COMMAND + shlex.join(["python", script, "a red apple", *options, "--seed", "1", "--output", "apple.png"])


def export_command(choice: Choice) -> str:
    """The line that makes the bundle, indented as a command."""
    config = choice.config
    branches = ",".join(map(str, config.plan.named_branches))
    words = ["accel", "export", config.model, "--branches", branches, "--schedulers", config.scheduler]
    words += ["--weights", "random"] if config.weights == "random" else []
    words += ["--dtype", config.dtype] if config.dtype != "fp32" else []
    words += ["--max-steps", str(config.steps)]
    device = INDUCTOR_DEVICES.get(choice.profile.backends[0].provider)
    words += ["--format", "inductor", "--device", device] if device else []
    words += ["-o", default_bundle(config)]
    return COMMAND + shlex.join(words)


def _origin(choice: Choice, figure: Figure) -> str:
    note = f" ({figure.note})" if figure.note else ""
    if isinstance(figure, Published):
        return f"published: {choice.profile.sources[figure.source].title}{note}"
    if isinstance(figure, Measured):
        return f"measured on {figure.machine}{note}"
    return f"predicted by {figure.formula}{note}"
