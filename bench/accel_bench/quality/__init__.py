"""Scores of pictures: against their captions, and against the uncached pictures of the same seeds."""
