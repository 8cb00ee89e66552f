"""Lets commands share groups of options: a dataclass parameter becomes one option per field.

Knows Typer, but no command.
"""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature
from typing import Annotated, Any, ParamSpec, TypeVar, get_type_hints

import typer

P = ParamSpec("P")
R = TypeVar("R")

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
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in fields(group)})
        return command(*args, **given)

    parameters = [
        option
        for name, parameter in inspect.signature(command).parameters.items()
        for option in (_options(groups[name]) if name in groups else [parameter.replace(annotation=hints[name])])
    ]
    with_signature(spread, parameters)
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
    ]


def _default(field: Field[Any]) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return Parameter.empty if field.default is MISSING else field.default
