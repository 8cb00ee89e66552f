"""Searching: from the query that a caller writes to the page of results, with counts and snippets."""
