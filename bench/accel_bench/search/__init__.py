"""Solved plans and forecasts: measured once, optimised offline, checked on real runs."""
