"""Replaying a profile: run its configs, and say which of its promises hold."""
