"""The commands: their names, what they do in one line, an example of each, and where they are."""

from importlib.metadata import version
from typing import Annotated, Any

import typer

from dashboard_catalog.cli import output
from dashboard_catalog.cli.commands import Commands, Listed
from dashboard_catalog.environment import APPLICATION

COMMANDS = Listed(
    "A catalog of BI dashboards: run the server, load metadata, find it and edit it.",
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
        "health": Listed(
            "Check that a server is healthy.",
            (
                "dashboard-catalog health",
                "dashboard-catalog health --address catalog.example.com:50051 --tls-ca system",
            ),
            "dashboard_catalog.cli.health:health",
        ),
        "ingest": Listed(
            "Load dashboards, charts and the entities that they refer to.",
            (
                "dashboard-catalog ingest examples/sample",
                "dashboard-catalog ingest grafana-dashboards/ --service grafana",
                "dashboard-catalog ingest --from superset --url https://superset.example.com \\",
                "  --service superset --sweep superset --dry-run",
                "dashboard-catalog ingest report.csv --service looker --map Report=name",
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
        "search": Listed(
            "Find dashboards, charts and entities by words.",
            (
                "dashboard-catalog search customers",
                "dashboard-catalog search 'retention owner:team:revenue -draft'",
                "dashboard-catalog search sales --kind dashboard --missing owners --all --json",
            ),
            "dashboard_catalog.cli.finding.search:search",
        ),
        "stats": Listed(
            "Count dashboards and charts, and what they lack.",
            (
                "dashboard-catalog stats",
                "dashboard-catalog stats --service superset --kind chart --top 20",
            ),
            "dashboard_catalog.cli.finding.stats:stats",
        ),
        "history": Listed(
            "Show the versions of a dashboard or chart, newest first.",
            (
                "dashboard-catalog history superset.customers",
                "dashboard-catalog history superset.retention --kind chart --page-size 5",
                "dashboard-catalog history superset.customers --all --json",
            ),
            "dashboard_catalog.cli.versions.history:history",
        ),
        "diff": Listed(
            "Show what changed between two versions of a dashboard or chart.",
            (
                "dashboard-catalog diff superset.customers",
                "dashboard-catalog diff superset.customers 0.1",
                "dashboard-catalog diff superset.retention 0.2 0.5 --kind chart",
            ),
            "dashboard_catalog.cli.versions.diff:diff",
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
        "rename": Listed(
            "Give one dashboard, chart or entity another name.",
            (
                "dashboard-catalog rename superset.customers clients",
                "dashboard-catalog rename Commerce.Sales Revenue --kind domain",
            ),
            "dashboard_catalog.cli.edits.rename:rename",
        ),
        "revert": Listed(
            "Put back a version, or what a bulk session wrote.",
            (
                "dashboard-catalog revert superset.customers 0.2",
                "dashboard-catalog revert superset.retention 0.1 --kind chart --dry-run",
                "dashboard-catalog revert --session 01a222ed-488d-7d94-b1e4-a7aced3204e7",
            ),
            "dashboard_catalog.cli.edits.revert:revert",
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
        "sessions": Listed(
            "List bulk sessions, newest first, or show one with its failures.",
            (
                "dashboard-catalog sessions",
                "dashboard-catalog sessions --service superset --state broken_off",
                "dashboard-catalog sessions 01a222ed-488d-7d94-b1e4-a7aced3204e7 --all",
            ),
            "dashboard_catalog.cli.sessions.listing:sessions",
        ),
        "watch": Listed(
            "Print changes as they happen, until Ctrl-C.",
            (
                "dashboard-catalog watch --diff",
                "dashboard-catalog watch --service superset --since-beginning --json",
                "dashboard-catalog watch --resume-file position --until-now --json >> changes.ndjson",
            ),
            "dashboard_catalog.cli.following.watch:watch",
        ),
        "export": Listed(
            "Write everything as NDJSON, which `ingest --preserve` loads.",
            (
                "dashboard-catalog export catalog.ndjson",
                "dashboard-catalog export --service superset --deleted exclude | gzip > superset.ndjson.gz",
            ),
            "dashboard_catalog.cli.following.export:export",
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
            "Upgrade, check, distribute or copy the database.",
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
                "distribute": Listed(
                    "Spread the tables over a cluster of PostgreSQL servers with Citus.",
                    (
                        "dashboard-catalog db distribute --database-url postgresql://catalog@coordinator/catalog",
                        "dashboard-catalog db distribute --shards 64",
                    ),
                    "dashboard_catalog.cli.db_distribute:distribute",
                ),
                "copy": Listed(
                    "Copy everything, with history, into an empty database.",
                    (
                        "dashboard-catalog db copy sqlite:///catalog.db postgresql://catalog@db/catalog",
                        "dashboard-catalog db copy postgresql://catalog@db/catalog sqlite:///backup.db",
                    ),
                    "dashboard_catalog.cli.db_copy:copy",
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
