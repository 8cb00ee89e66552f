"""From messages of the contract to commands of the catalog, and back. Knows protobuf, but not gRPC."""
