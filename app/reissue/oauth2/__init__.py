"""An OAuth 2.0 authorization server, or OpenID provider: how tokens are asked for, and how its answers are read."""
