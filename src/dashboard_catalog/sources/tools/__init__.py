"""The formats of other tools, one module for each, and the list of them."""

from collections.abc import Mapping, Sequence
from importlib import import_module

from dashboard_catalog.sources.formats import Format, Server
from dashboard_catalog.sources.tools.datahub.file_sink import DataHub
from dashboard_catalog.sources.tools.grafana.grafana_files import GrafanaFiles
from dashboard_catalog.sources.tools.openmetadata_samples import OpenMetadataSamples
from dashboard_catalog.sources.tools.superset.superset_export import SupersetExport
from dashboard_catalog.sources.tools.tables.csv_tables import Tables

FORMATS: Sequence[Format] = (OpenMetadataSamples(), GrafanaFiles(), SupersetExport(), DataHub(), Tables())
"""In the order in which they are tried."""

SERVERS: Mapping[str, str] = {
    "grafana": "dashboard_catalog.sources.tools.grafana.grafana_server:GrafanaServer",
    "superset": "dashboard_catalog.sources.tools.superset.superset_server:SupersetServer",
}
"""For each tool that is asked over HTTP what `--from` calls it, and its `Server` class as `MODULE:CLASS`. What a server
needs, such as an HTTP client, is loaded only for it: commands start slowly otherwise.
"""


def server_named(name: str) -> Server:
    """Returns the tool that `--from` calls by this name."""
    module, _, class_name = SERVERS[name].partition(":")
    server: Server = getattr(import_module(module), class_name)()
    return server
