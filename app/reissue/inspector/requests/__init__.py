"""The tab of the requests: their trace, the picture of it as data, and what paints and controls it."""
