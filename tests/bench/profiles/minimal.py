"""A small profile that is right, to be broken one line at a time."""

from pathlib import Path

TEXT = """\
format = 2
name = "lab"
title = "The lab's card"

[device]
kind = "amd"
title = "AMD Instinct MI250"
bandwidth = { value = 1.6e12, source = "paper" }

[device.marks]
names = ['MI250']
pci_ids = [0x740c]
architecture = "gfx90a"
compute_units = 104

[device.peak_flops]
fp16 = { value = 181e12, source = "paper" }

[[backends]]
provider = "rocm"
options = { tunable_op_enable = "1" }

[sources.paper]
title = "A paper"

[configs.full-50]
model = "sd15"
width = 512
height = 512
batch = 1
dtype = "fp16"
guidance = 7.5
plan.deep = "full"
plan.scheduler = "ddim"
plan.steps = 50
expected.latency_s = { kind = "published", value = 2.2, source = "paper" }

[configs.every3-50]
model = "sd15"
width = 512
height = 512
batch = 1
dtype = "fp16"
guidance = 7.5
plan.deep = "every:3"
plan.branch = 0
plan.forecast = "linear"
plan.guided_calls = [0, 29]
plan.scheduler = "ddim"
plan.steps = 50
baseline = "full-50"
expected.speedup = { kind = "predicted", value = 2.1, formula = "flop-share" }

[configs.every3-50.plan.weights]
7 = [1.4, -0.4]
"""


def write(folder: Path, text: str = TEXT, *, name: str = "lab") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(text)
    return path
