"""`dashboard-catalog token`: issues tokens that the catalog signs itself."""

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from dashboard_catalog import logs
from dashboard_catalog.auth.issuing import issue_token, parse_duration
from dashboard_catalog.auth.policy_files import PolicyError
from dashboard_catalog.auth.roles import named_roles
from dashboard_catalog.auth.signing_key import KeyFileError, NoKeyFile, SigningKey, load_key
from dashboard_catalog.cli import output
from dashboard_catalog.cli.data_folders import data_dir_of_server
from dashboard_catalog.cli.endings import CommandError
from dashboard_catalog.cli.options import with_option_groups
from dashboard_catalog.environment import DEFAULT_ADDRESS, absolute, environment_name
from dashboard_catalog.running import running_servers

_ADDRESS = environment_name("address")


@dataclass(frozen=True, slots=True)
class TokenOptions:
    """The claims of a token."""

    subject: Annotated[str, typer.Option(help="Name of the user or bot.")]
    role: Annotated[
        list[str],
        typer.Option(
            metavar="NAME",
            help="admin, data_steward, data_consumer, ingestion_bot, or a role of --policy-dir. Repeatable.",
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


@with_option_groups
def issue(
    token: TokenOptions,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            envvar=environment_name("data_dir"),
            help="Data folder of the server, which contains the signing key. By default, that of the server on this "
            "machine.",
        ),
    ] = None,
    policy_dir: Annotated[
        Path | None,
        typer.Option(
            envvar=environment_name("policy_dir"),
            help="Folder of Cedar policies, if the server has its own. The role must be one that they name.",
        ),
    ] = None,
) -> None:
    """Print a new token to standard output, and nothing else."""
    # The audit line goes to standard error. A person at a terminal gets the token alone.
    logs.configure("warning" if sys.stderr.isatty() else "info", "auto")
    try:
        _check_roles(token.role, policy_dir)
        issued = issue_token(
            _key(data_dir),
            token.subject,
            token.role,
            teams=token.team or (),
            services=token.service,
            bot=token.bot,
            lifetime=_lifetime(token.expires),
        )
    except (ValueError, KeyFileError, PolicyError) as error:
        raise CommandError(str(error)) from error
    output.write_line(issued)


def _check_roles(roles: Sequence[str], policy_dir: Path | None) -> None:
    known = named_roles(policy_dir)
    unknown = sorted(set(roles) - known)
    if not unknown:
        return
    if not known:
        output.say("The policies name no role, so a role permits nothing.")
        return
    raise CommandError(
        f"--role: {policy_dir or 'the default policies'} {'have' if policy_dir is None else 'has'} no role "
        f"{', '.join(unknown)}; known roles: {', '.join(sorted(known))}.\n"
        "If the server has other policies, name their folder with --policy-dir."
    )


def _lifetime(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise CommandError(f"--expires: {error}") from error


def _key(given: Path | None) -> SigningKey:
    folder = absolute(given) if given else data_dir_of_server(os.environ.get(_ADDRESS) or DEFAULT_ADDRESS)
    try:
        return load_key(folder)
    except NoKeyFile as error:
        raise CommandError("\n".join([f"{folder} has no signing key.", *_hints()])) from error


def _hints() -> Iterator[str]:
    yield "`dashboard-catalog serve` creates it: start the server first, or name its data folder with --data-dir."
    for server in running_servers():
        yield f"The server at {server.address} has --data-dir {server.data_dir}"
