"""Compares speed with the floors of the machine; `python -m benchmarks` prints the table of the README."""
