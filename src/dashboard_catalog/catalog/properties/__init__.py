"""Custom properties: what a definition may say, and which values fit it. Knows nothing of how either is stored."""
