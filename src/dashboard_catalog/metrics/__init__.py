"""What the server counts and measures, for Prometheus. It must not know gRPC, SQL or the rules."""
