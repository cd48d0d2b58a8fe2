"""Many tabs, one session: what they share, say to each other, and wait for."""
