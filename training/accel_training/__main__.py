"""``python -m accel_training``."""

from accel_training.cli import app

app(prog_name="python -m accel_training")
