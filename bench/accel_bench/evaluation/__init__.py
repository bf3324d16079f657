"""`accel evaluate`: the quality of plans against the run that caches nothing."""
