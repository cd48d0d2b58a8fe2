"""One file for each HTTP client that Python has of its own. Each imports its client when it is imported itself."""
