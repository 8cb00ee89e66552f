"""The rules of the catalog: names, references, merges, versions and the one write path. Knows no gRPC, no protobuf."""
