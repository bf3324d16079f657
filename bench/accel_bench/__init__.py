"""The `accel` command and the measurements behind it."""
