"""Ways to look for candidates, all judged alike (docs/design/0012-search.md).

grid.py      everything that short names can say
solve.py     what a calibration proposes, then what lies between
sample.py    what Optuna suggests
"""
