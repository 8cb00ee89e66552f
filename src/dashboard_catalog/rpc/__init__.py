"""What speaks gRPC: the edge that every call passes, and the servicers behind it."""
