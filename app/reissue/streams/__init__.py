"""Bodies that arrive in pieces, and server-sent events."""
