"""`dashboard-catalog ingest`, and what it shows while it loads."""
