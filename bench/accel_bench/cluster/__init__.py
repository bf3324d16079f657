"""Crews of Ray's (package `ray`, extra `distributed`): one worker for each device of a cluster.

connection.py  to a cluster, and back
devices.py     what a cluster has to work on
bundles.py     bundles by content
member.py      one worker, on its own machine
crew.py        all workers: who does what, and what is done again
"""

from accel_bench.cluster.connection import open_crew

__all__ = ["open_crew"]
