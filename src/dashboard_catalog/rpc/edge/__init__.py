"""What surrounds every call: authentication, limits, error statuses and the access log."""
