"""What callers may view. The rest does not exist for them: not by name, not by id, and not in any answer."""
