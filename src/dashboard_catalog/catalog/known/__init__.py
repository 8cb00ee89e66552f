"""What one batch knows of the things that its assets refer to: loaded at once, then looked up without waiting."""
