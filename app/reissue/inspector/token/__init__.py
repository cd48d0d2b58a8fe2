"""The tab of the token: what is in it, what is odd about it, and whether its signature holds."""
