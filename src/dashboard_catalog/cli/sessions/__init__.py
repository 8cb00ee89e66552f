"""`dashboard-catalog sessions` and `revert --session`: what bulk loads have done, and how it is undone."""
