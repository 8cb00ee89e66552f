"""Readers of what can be ingested: each turns a format into items of the contract.

Knows neither the command line nor a connection.
"""
