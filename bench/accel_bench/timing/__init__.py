"""Contenders timed against each other in the same rounds."""
