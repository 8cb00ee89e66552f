"""`dashboard-catalog search` and `stats`: finds things and counts them."""
