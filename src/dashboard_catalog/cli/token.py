"""`dashboard-catalog token`: issues tokens that the catalog signs itself."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from dashboard_catalog import logs
from dashboard_catalog.auth.issuing import issue_token, parse_duration
from dashboard_catalog.auth.signing_key import KeyFileError, load_or_create_key
from dashboard_catalog.cli import output
from dashboard_catalog.cli.failures import CommandError
from dashboard_catalog.cli.options import with_option_groups
from dashboard_catalog.cli.settings_options import load_without_listening
from dashboard_catalog.settings import environment_name

app = typer.Typer(help="Issue tokens signed with the key in the data folder.", no_args_is_help=True)


@app.callback()
def _token() -> None:
    """Makes Typer keep `issue` a subcommand while it is the only one."""


@dataclass(frozen=True, slots=True)
class TokenOptions:
    """The claims of a token."""

    subject: Annotated[str, typer.Option(help="Name of the user or bot.")]
    role: Annotated[
        list[str],
        typer.Option(
            metavar="NAME",
            help="admin, data_steward, data_consumer, ingestion_bot, or a role of your own policies. Repeatable.",
        ),
    ]
    team: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Name of one of the user's teams. Repeatable.")
    ] = None
    service: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Limit the token to this BI service. Repeatable. No limit by default.",
        ),
    ] = None
    bot: Annotated[
        bool,
        typer.Option("--bot", help="Writes with this token are ingestion: they do not overwrite people's edits."),
    ] = False
    expires: Annotated[str, typer.Option(help="Lifetime: a number followed by s, m, h or d.")] = "90d"


@app.command()
@with_option_groups
def issue(
    token: TokenOptions,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            envvar=environment_name("data_dir"),
            help="Data folder of the server, which contains the signing key.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Print a new token to standard output, and nothing else."""
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
