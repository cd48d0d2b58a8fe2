"""Many tabs, one session: what the tabs share, send to each other, and wait for."""
