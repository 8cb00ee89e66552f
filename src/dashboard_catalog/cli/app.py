"""The commands: their names, what they do in one line, an example of each, and where they are."""

from importlib.metadata import version
from typing import Annotated, Any

import typer

from dashboard_catalog.cli import output
from dashboard_catalog.cli.commands import Commands, Listed
from dashboard_catalog.environment import APPLICATION

COMMANDS = Listed(
    "A catalog of BI dashboards: run the server, load metadata, look things up.",
    (
        "dashboard-catalog serve",
        "dashboard-catalog ingest dashboards.ndjson",
        "dashboard-catalog list --owner team:revenue",
    ),
    group={
        "serve": Listed(
            "Run the server until SIGTERM or Ctrl-C.",
            (
                "dashboard-catalog serve",
                "dashboard-catalog serve --data-dir .data --address 127.0.0.1:50052",
                "dashboard-catalog serve --address 0.0.0.0:50051 --tls-cert server.pem \\",
                "  --tls-key server.key --database-url postgresql://catalog@db/catalog",
            ),
            "dashboard_catalog.cli.serve:serve",
        ),
        "ingest": Listed(
            "Load dashboards, charts and the entities that they refer to.",
            (
                "dashboard-catalog ingest examples/sample",
                "dashboard-catalog ingest dashboards.ndjson --sweep superset --dry-run",
                "export-dashboards | dashboard-catalog ingest - --kind dashboard",
            ),
            "dashboard_catalog.cli.ingest.command:ingest",
        ),
        "get": Listed(
            "Show one dashboard, chart or entity.",
            (
                "dashboard-catalog get superset.customers",
                "dashboard-catalog get superset.retention --kind chart --json",
                "dashboard-catalog get 'superset.\"logistics v2.1\"' --version 0.1",
            ),
            "dashboard_catalog.cli.get:get",
        ),
        "list": Listed(
            "List dashboards, charts or entities.",
            (
                "dashboard-catalog list",
                "dashboard-catalog list --service superset --owner user:amira",
                "dashboard-catalog list --kind chart --dashboard superset.customers",
                "dashboard-catalog list --kind user --all --json",
            ),
            "dashboard_catalog.cli.list:list_",
        ),
        "update": Listed(
            "Write fields of one dashboard, chart or entity.",
            (
                "dashboard-catalog update superset.customers --set description='Who comes and stays.'",
                "dashboard-catalog update superset.customers --set owners=user:amira --set owners=user:jonas",
                "dashboard-catalog update superset.customers --set extension.costCentre=CC-7 --clear domain",
                "dashboard-catalog update superset.retention --kind chart --set 'tags=[\"Tier.Gold\"]'",
            ),
            "dashboard_catalog.cli.edits.update:update",
        ),
        "delete": Listed(
            "Delete one dashboard, chart or entity.",
            (
                "dashboard-catalog delete superset.customers",
                "dashboard-catalog delete superset.retention --kind chart --hard --yes",
            ),
            "dashboard_catalog.cli.edits.delete:delete",
        ),
        "restore": Listed(
            "Restore one soft-deleted dashboard, chart or entity.",
            ("dashboard-catalog restore superset.customers", "dashboard-catalog restore amira --kind user"),
            "dashboard_catalog.cli.edits.restore:restore",
        ),
        "token": Listed(
            "Issue tokens signed with the key in the data folder.",
            ("dashboard-catalog token issue --subject ann --role data_steward",),
            group={
                "issue": Listed(
                    "Print a new token to standard output, and nothing else.",
                    (
                        "dashboard-catalog token issue --subject ann --role data_steward",
                        "dashboard-catalog token issue --subject loader --role ingestion_bot \\",
                        "  --service superset --expires 30d > loader.token",
                    ),
                    "dashboard_catalog.cli.token:issue",
                ),
            },
        ),
        "db": Listed(
            "Upgrade the schema of the database, or check it.",
            ("dashboard-catalog db upgrade --database-url postgresql://catalog@db/catalog",),
            group={
                "upgrade": Listed(
                    "Create the tables, or migrate them to the schema of this version.",
                    (
                        "dashboard-catalog db upgrade",
                        "dashboard-catalog db upgrade --database-url postgresql://catalog@db/catalog",
                    ),
                    "dashboard_catalog.cli.db:upgrade",
                ),
                "check": Listed(
                    "Check that the database has the schema of this version.",
                    ("dashboard-catalog db check --data-dir .data",),
                    "dashboard_catalog.cli.db:check",
                ),
            },
        ),
    },
)


class _Root(Commands):
    """The group of all commands; Typer creates it, with the options below."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.add_all(COMMANDS)


app = typer.Typer(
    cls=_Root,
    help=COMMANDS.summary,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # Plain help wraps long texts; help in boxes cuts them.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        output.write_line(version(APPLICATION))
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Has the options of the command as a whole."""
