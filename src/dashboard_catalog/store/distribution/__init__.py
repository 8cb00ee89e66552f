"""Spreads the tables over a cluster of PostgreSQL servers, with the extension Citus. No other module names Citus."""
