"""What surrounds every call, whichever door it comes through: its id, its log line, its place and its answer's room."""
