"""`dashboard-catalog history` and `diff`: what has changed, by whom and when, as a diff."""
