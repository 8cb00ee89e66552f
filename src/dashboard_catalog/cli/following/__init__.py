"""`dashboard-catalog watch` and `export`: long streams that survive broken connections."""
