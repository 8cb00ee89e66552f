"""What all resources share: how OpenMetadata's clients write requests, and which answers they accept."""
