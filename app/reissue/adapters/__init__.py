"""One file for each HTTP client of Python's. Each file imports its client when it is imported itself."""
