"""The token endpoint, and OAuth 2.0 authorization servers: how tokens are requested, and how the answers are read."""
