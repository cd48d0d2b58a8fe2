"""The way of one request: is it in the audience, which token it carries, and what follows from each response."""
