"""`accel bench scenario`: plans under the loads of MLPerf, one query at a time, all at once, or at random times."""
