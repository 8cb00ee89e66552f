"""`dashboard-catalog token`: tokens of the catalog's own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from dashboard_catalog import logs
from dashboard_catalog.auth.issuing import issue_token, parse_duration
from dashboard_catalog.auth.keys import KeyFileError, load_or_create_key
from dashboard_catalog.cli import output
from dashboard_catalog.cli.failures import CommandError
from dashboard_catalog.cli.options import with_option_groups
from dashboard_catalog.cli.settings_options import load_without_listening
from dashboard_catalog.settings import environment_name

app = typer.Typer(help="Issue tokens, signed with the key in the data folder.", no_args_is_help=True)


@app.callback()
def _token() -> None:
    """Keeps `issue` a command of its own while it is the only one."""


@dataclass(frozen=True, slots=True)
class TokenOptions:
    """What a token says."""

    subject: Annotated[str, typer.Option(help="Name of the user or bot.")]
    role: Annotated[
        list[str],
        typer.Option(
            metavar="NAME",
            help="admin, data_steward, data_consumer, ingestion_bot or one of your policies. Repeatable.",
        ),
    ]
    team: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Name of a team of the user. Repeatable.")] = (
        None
    )
    service: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Name of a BI service that the token is limited to. Repeatable. All by default.",
        ),
    ] = None
    bot: Annotated[
        bool,
        typer.Option("--bot", help="What is written with it is ingestion: it leaves what people decided."),
    ] = False
    expires: Annotated[str, typer.Option(help="How long it holds: a number and s, m, h or d.")] = "90d"


@app.command()
@with_option_groups
def issue(
    token: TokenOptions,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            envvar=environment_name("data_dir"),
            help="Folder of the signing key, as of `serve`.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Print a new token, and nothing else, to standard output."""
    settings = load_without_listening({"data_dir": data_dir})
    # The audit line goes to standard error.
    logs.configure(settings.log_level, settings.log_format)
    try:
        issued = issue_token(
            load_or_create_key(settings.data_dir),
            token.subject,
            token.role,
            teams=token.team or (),
            services=token.service,
            bot=token.bot,
            lifetime=parse_duration(token.expires),
        )
    except (ValueError, KeyFileError) as error:
        raise CommandError(str(error)) from error
    output.write_line(issued)
