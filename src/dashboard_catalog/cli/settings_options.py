"""Turns settings into options. `dashboard_catalog.settings` has the only list of them."""

from collections.abc import Iterable
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic.fields import FieldInfo

from dashboard_catalog.cli.endings import CommandError
from dashboard_catalog.cli.options import CONTEXT, Named, refuse_undecodable
from dashboard_catalog.environment import environment_name
from dashboard_catalog.settings import Settings, SettingsError


def options_of(fields: Iterable[str]) -> list[Parameter]:
    """Returns one option per setting, for `load`.

    An option that is not given is None, and the setting keeps its default.
    """
    return [CONTEXT, *(_option(name, Settings.model_fields[name]) for name in fields)]


def load(given: dict[str, Any]) -> Settings:
    """Returns the settings, with the given values in place of the environment.

    Raises:
        CommandError: If any are wrong; the text names all of them.
    """
    named = Named(given.pop(CONTEXT.name))
    refuse_undecodable(given, named)
    try:
        return Settings.load({name: value for name, value in given.items() if value is not None}, named.__getitem__)
    except SettingsError as error:
        raise CommandError(str(error)) from error


def load_without_listening(given: dict[str, Any]) -> Settings:
    """Returns the settings for a command that does not listen; there, `ADDRESS` is for clients and may be anything."""
    return load(given | {"address": "127.0.0.1:0"})


def _option(name: str, field: FieldInfo) -> Parameter:
    flag = flag_name(name)
    option = typer.Option(
        f"{flag}/--no-{flag[2:]}" if field.annotation is bool else flag,
        envvar=environment_name(name),
        help=field.description,
        show_default=_shown(field.get_default(call_default_factory=True)),
    )
    type_of_value: Any = field.annotation
    return Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[type_of_value | None, option])


def _shown(default: object) -> str | bool:
    if default is None or default == "":
        return False
    if isinstance(default, bool):
        return "on" if default else "off"
    return _below_home(default) if isinstance(default, Path) else str(default)


def _below_home(path: Path) -> str:
    try:
        return f"~/{path.relative_to(Path.home())}"
    except (ValueError, RuntimeError):
        # It is elsewhere, or nobody knows where home is.
        return str(path)


def flag_name(field: str) -> str:
    """Returns the flag of a setting: `--tls-cert` for `tls_cert`."""
    return "--" + field.replace("_", "-")
