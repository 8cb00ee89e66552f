"""The search index: its documents, its words and its files. Knows neither the rules nor the database."""
