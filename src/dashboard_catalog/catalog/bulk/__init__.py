"""The sessions of bulk streams."""
