"""Compiled schedules, and the files that hold them."""
