"""The custom properties of dashboards and charts, which OpenMetadata's clients read as types."""
