"""Layers of the UNet in int8: which ones, found on pictures, and how they are written (docs/design/0028-cpu.md).

layers.py       what can be quantised
rewrite.py      the rewritten graphs
switches.py     one graph that rounds any group of layers
calls.py        UNet calls of uncached runs
ranges.py       between what tensors lie in them
sensitivity.py  what rounding each group costs
trial.py        pictures with another deep pass
choose.py       as many groups as a loss allows
usual.py        the layers where weights are random
write.py        files of the UNet
bundle.py       all of it, on a finished bundle
options.py      what to quantise
"""
