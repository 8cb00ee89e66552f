"""A gRPC service that keeps the metadata of BI dashboards."""
