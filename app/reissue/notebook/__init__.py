"""What a notebook shows of a client, in plain Python: it runs wherever the client does."""
