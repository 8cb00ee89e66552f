"""Copies a whole database into an empty one of either kind."""
