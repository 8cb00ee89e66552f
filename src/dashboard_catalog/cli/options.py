"""Lets commands share groups of options: a dataclass parameter becomes one option per field.

Knows Typer, but no command.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature
from typing import Annotated, Any, ParamSpec, TypeVar, get_type_hints

import typer

from dashboard_catalog.cli.endings import CommandError

P = ParamSpec("P")
R = TypeVar("R")

_LAST = "connection"
# Options and arguments that name files, though they are texts.
_FILES = frozenset({"path", "paths", "tls_ca"})


class Named:
    """Tells how the user gave each option, for errors: by its flag or by its environment variable.

    Args:
        context: The context of the command; None if there is none, as in tests.
    """

    def __init__(self, context: Any = None) -> None:
        self._context = context

    def __getitem__(self, option: str) -> str:
        """Returns `--token-file` or `DASHBOARD_CATALOG_TOKEN_FILE`: what was used, or the flag if neither was."""
        found = self._context and next((one for one in self._context.command.params if one.name == option), None)
        if found is None:
            return "--" + option.replace("_", "-")
        if found.param_type_name == "argument":
            return str(found.metavar)
        return str(found.envvar if self.is_from_environment(option) else found.opts[0])

    def is_from_environment(self, option: str) -> bool:
        """Says whether the value is that of an environment variable."""
        return self._source(option) == "ENVIRONMENT"

    def is_default(self, option: str) -> bool:
        """Says whether the command has the option, and the user has not given it."""
        return self._source(option) == "DEFAULT"

    def _source(self, option: str) -> str:
        source = self._context and self._context.get_parameter_source(option)
        return str(source.name) if source else ""


CONTEXT = Parameter("context", Parameter.KEYWORD_ONLY, annotation=typer.Context)
"""The parameter by which Typer passes its context."""

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def with_option_groups(command: Callable[P, R]) -> Callable[..., R]:
    """Returns the command with its dataclass parameters spread into options.

    Typer reads the signature of a command, so the returned function gets another one. The dataclasses are built from
    the given values just before the command runs.
    """
    hints = get_type_hints(command, include_extras=True)
    groups = {name: hint for name, hint in hints.items() if isinstance(hint, type) and is_dataclass(hint)}

    @wraps(command)
    def spread(*args: Any, **given: Any) -> R:
        named = Named(given.pop(CONTEXT.name))
        refuse_undecodable(given, named)
        for name, group in groups.items():
            values = {field.name: given.pop(field.name) for field in fields(group) if field.name in given}
            given[name] = group(**values | ({"named": named} if "named" in group.__annotations__ else {}))
        return command(*args, **given)

    parameters = [
        option
        # How to reach the server is the same for every command, so it is the last that help has to say.
        for name, parameter in sorted(inspect.signature(command).parameters.items(), key=lambda one: one[0] == _LAST)
        for option in (_options(groups[name]) if name in groups else [parameter.replace(annotation=hints[name])])
    ]
    with_signature(spread, [CONTEXT, *parameters])
    return spread


def with_signature(function: Callable[..., Any], parameters: list[Parameter]) -> None:
    """Makes Typer see `parameters` as the keyword arguments of a function."""
    by_keyword = [parameter.replace(kind=Parameter.KEYWORD_ONLY) for parameter in parameters]
    function.__signature__ = Signature(by_keyword)  # type: ignore[attr-defined]
    function.__annotations__ = {parameter.name: parameter.annotation for parameter in by_keyword}


def _options(group: type) -> list[Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        Parameter(field.name, Parameter.KEYWORD_ONLY, default=_default(field), annotation=hints[field.name])
        for field in fields(group)
        if hints[field.name] is not Named
    ]


def refuse_undecodable(given: Mapping[str, Any], named: Named) -> None:
    """Refuses texts with bytes that are not UTF-8. Names of files may have them."""
    for name, value in given.items():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and name not in _FILES and not text.isprintable() and _has_surrogates(text):
                raise CommandError(f"{named[name]} is not valid UTF-8")


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _default(field: Field[Any]) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return Parameter.empty if field.default is MISSING else field.default
