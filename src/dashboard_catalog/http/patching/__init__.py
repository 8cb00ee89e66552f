"""Patches of what is stored."""
