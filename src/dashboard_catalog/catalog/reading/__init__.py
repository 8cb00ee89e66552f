"""Single assets and entities, and lists of them."""
