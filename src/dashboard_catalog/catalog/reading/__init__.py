"""Reading assets and entities: one by one, and in lists."""
