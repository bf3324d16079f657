"""Write standalone scripts that run one config of a profile (docs/codegen.md).

scripts/      a complete program for each target, whose settings are replaced
choice.py     finds the config
settings.py   the settings of each target
solved.py     those of a plan with solved rows, for diffusers
template.py   fills a program with settings and a header
script.py     makes the whole script
tasks/        finds configs for requested speed-ups and latencies
"""

from accel_bench.codegen.choice import Choice, all_choices, choose
from accel_bench.codegen.script import DEFAULT_PROMPT, Defaults, Target, generate_script

__all__ = ["DEFAULT_PROMPT", "Choice", "Defaults", "Target", "all_choices", "choose", "generate_script"]
