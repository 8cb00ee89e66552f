"""DataHub: what its file sink writes."""
