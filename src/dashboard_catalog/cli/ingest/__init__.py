"""`dashboard-catalog ingest`: reads sources, loads them, and reports the result."""
