"""What connectors send and the catalog does not keep."""
