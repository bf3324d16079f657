"""Timing: contenders that are drawn in the same rounds."""
