"""Lets the server depend on the client of its own version, which is written down once, in pyproject.toml.

Hatchling runs it when it builds from a checkout. A source distribution has the result in its metadata.
"""

from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class DependenciesHook(MetadataHookInterface):
    """Adds the client to the dependencies in `tool.hatch.metadata.hooks.custom`."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Sets the dependencies of the project."""
        client = f"dashboard-catalog-client=={metadata['version']}"
        metadata["dependencies"] = sorted([*self.config["dependencies"], client])
