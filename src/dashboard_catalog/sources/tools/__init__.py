"""The formats of other tools, one module for each."""
