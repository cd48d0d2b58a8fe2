"""Tokens as values: credentials, claims, signatures, proofs. Nothing here sends anything."""
