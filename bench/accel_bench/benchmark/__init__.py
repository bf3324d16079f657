"""`accel bench`: the record of a run, its summary, its tables, and its comparison with another."""
