"""Order among coroutines: one run that all callers share, a bounded number at a time, limits on time."""
