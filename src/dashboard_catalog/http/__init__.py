"""The HTTP door: JSON on the paths of OpenMetadata's API. It maps; the rules are those of the catalog."""
