"""The sessions of bulk streams: how they open, write chunks, sweep and end."""
