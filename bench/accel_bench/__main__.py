"""``python -m accel_bench`` is `accel`."""

from accel_bench.cli.app import main

main()
