"""`dashboard-catalog db distribute`: spreads the tables over a cluster with Citus."""

from inspect import Parameter
from typing import Annotated, Any

import typer

from dashboard_catalog import logs
from dashboard_catalog.cli import output
from dashboard_catalog.cli.db import explained
from dashboard_catalog.cli.endings import CommandError, Interrupted
from dashboard_catalog.cli.options import with_signature
from dashboard_catalog.cli.progress import progress
from dashboard_catalog.cli.settings_options import load_without_listening, options_of

_MOST_SHARDS = 64_000
_Shards = Annotated[
    int | None,
    typer.Option(
        "--shards",
        min=1,
        max=_MOST_SHARDS,
        metavar="N",
        help="Number of shards of each distributed table, when the tables are distributed for the first time."
        " By default, the setting citus.shard_count of the cluster, which is 32 unless it was changed.",
    ),
]


def distribute(shards: int | None = None, **given: Any) -> None:
    """Spread the tables over a cluster of PostgreSQL servers with Citus.

    Run it once for a new catalog or for one with data, and again after each `db upgrade`. It changes only
    what is not distributed yet. If it is interrupted, run it again: it goes on with the table where it
    stopped.

    Exit status: 0 if everything is distributed, 2 if not, 130 after Ctrl-C.
    """
    settings = load_without_listening(given)
    shown_url = settings.shown_database_url
    if settings.uses_sqlite:
        raise CommandError(f"{shown_url}: only PostgreSQL with the extension citus can be distributed, not SQLite")
    # Imported here, since it is slow to load and `--help` does not need it.
    from dashboard_catalog.store.distribution.distribute import distribute as run  # noqa: PLC0415

    with logs.silenced(), progress("Distributing", "rows") as shown, explained(settings):
        try:
            done = run(settings.database_url, shards, shown)
        except KeyboardInterrupt:
            raise Interrupted("interrupted. Run the same command again to go on.") from None
    nodes = f"{done.workers} workers" if done.workers else "this node alone, because there are no workers yet"
    before = f" {done.unchanged} tables were distributed before." if done.unchanged else ""
    output.say(f"{shown_url} is distributed over {nodes}, with {done.shards} shards.{before}")


with_signature(
    distribute,
    [*options_of(("database_url",)), Parameter("shards", Parameter.KEYWORD_ONLY, default=None, annotation=_Shards)],
)
