"""`dashboard-catalog serve`: runs the server."""

from typing import Any

from dashboard_catalog.cli.endings import CommandError
from dashboard_catalog.cli.options import with_signature
from dashboard_catalog.cli.settings_options import load, options_of
from dashboard_catalog.settings import Settings


def serve(**given: Any) -> None:
    """Run the server until SIGTERM or Ctrl-C.

    Every setting is also an environment variable; a flag overrides it.
    """
    settings = load(given)
    # Imported here, since it is slow to load and the other commands do not need it.
    from dashboard_catalog import server  # noqa: PLC0415

    try:
        server.serve(settings)
    except server.StartError as error:
        raise CommandError(str(error)) from error


with_signature(serve, options_of(Settings.model_fields))
