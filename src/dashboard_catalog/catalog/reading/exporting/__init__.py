"""Reads everything that the catalog holds, as it was at one moment, a piece at a time."""
