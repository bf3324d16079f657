"""`accel bench`: one record of timings, its summary, its table."""
