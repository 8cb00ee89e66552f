"""The gRPC door: the edge that every call passes, and the servicers behind it."""
