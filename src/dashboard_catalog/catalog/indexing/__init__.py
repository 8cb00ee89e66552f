"""Keeps the search index like the database: what is indexed of each thing, and what a change touches."""
