"""Superset: exports, and servers."""
