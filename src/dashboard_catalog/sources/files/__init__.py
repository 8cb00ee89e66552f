"""What can be read at a path: files, and the records, JSON and YAML in them. Knows no items."""
