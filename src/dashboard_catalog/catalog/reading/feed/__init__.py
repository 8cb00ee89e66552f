"""The feed as its readers see it: positions, the tokens that hold them, and changes."""
