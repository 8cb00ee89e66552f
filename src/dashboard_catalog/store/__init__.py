"""Rows in two databases by one code. Knows tables and statements, no rules and no protobuf."""
