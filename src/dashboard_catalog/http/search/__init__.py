"""Searches in the language of OpenMetadata's search engine."""
