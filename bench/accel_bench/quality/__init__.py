"""What pictures are worth: scores of the built-in model, and how far a cached picture is from the uncached one."""
