"""What stands around every call: who calls, whether there is room, what went wrong, and the log line."""
