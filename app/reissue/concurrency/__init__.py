"""Order among coroutines: one run shared by all, so many at a time, limits on time. Imports nothing above."""
