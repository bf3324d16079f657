"""Standalone scripts that run one config of a profile (docs/codegen.md).

scripts/      a whole program for each target, with settings of its own that are replaced
choice.py     the config that is asked for
settings.py   what the settings of each target are
template.py   a program with other settings and a header
script.py     all of it together
tasks/        requests for a speed-up or a latency, looked up in profiles
"""

from accel_bench.codegen.choice import Choice, all_choices, choose
from accel_bench.codegen.script import DEFAULT_PROMPT, Defaults, Target, generate_script

__all__ = ["DEFAULT_PROMPT", "Choice", "Defaults", "Target", "all_choices", "choose", "generate_script"]
