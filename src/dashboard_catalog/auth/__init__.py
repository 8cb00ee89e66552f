"""Authentication by tokens and authorization by policies. Must not know gRPC, the store or the catalog's rules."""
