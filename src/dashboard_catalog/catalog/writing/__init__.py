"""The one write path: a batch of commands in, outcomes out."""
