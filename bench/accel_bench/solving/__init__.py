"""Plans solved from a calibration: which calls run, how, and with which coefficients.

Skips (docs/design/0022-solving.md):
    teacher.py    uncached runs, kept as arrays
    prices.py     what a jump costs, from one Gram matrix
    placement.py  which calls run deep, shallow or not at all
    student.py    runs the calls that are left, and fits their rows
    refine.py     moves calls, and refines all rows on the final latents
    solver.py     all of it, for one placement
    solve_one.py  one plan, from a pipeline and prompts
Deep and shallow calls only (docs/search-plans.md): drift.py, segments.py
"""
