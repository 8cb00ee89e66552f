"""Commands that are loaded by name, when they are used: most of them need much that the others do not.

Knows Typer, but no command.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from dashboard_catalog.cli.endings import end_with
from dashboard_catalog.cli.options import Named

_DEFAULT = re.compile(r"(default:\s+)\((.+?)\)(?=[;\]])", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Listed:
    """A command that has not been loaded, or a group of commands.

    Attributes:
        summary: One line that says what it does.
        examples: Command lines for its help.
        function: The function that runs it: `MODULE:NAME`. Empty for a group.
        group: The commands of a group, by name.
    """

    summary: str
    examples: Sequence[str]
    function: str = ""
    group: Mapping[str, "Listed"] = field(default_factory=dict)

    def command(self, name: str) -> Any:
        """Returns it for Typer; what is no group is not loaded yet."""
        if not self.group:
            return _NotLoaded(name, self)
        group = Commands(name=name, help=self.summary, no_args_is_help=True, rich_markup_mode=None)
        group.add_all(self)
        return group

    def load(self, name: str) -> Any:
        """Imports the function and returns the command."""
        module, _, function = self.function.partition(":")
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        epilog = "\n".join(self.examples)
        single.command(name, cls=_Command, epilog=epilog)(getattr(import_module(module), function))
        return get_command(single)


# Typer's own classes of contexts and commands are private, hence Any in what follows.
class Commands(TyperGroup):
    """A group of commands. The outermost one ends the process."""

    def add_all(self, listed: Listed) -> None:
        """Adds the commands and the examples of a group."""
        self.epilog = "\n".join(listed.examples)
        for name, one in listed.group.items():
            self.add_command(one.command(name))

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the command line. Always raises `SystemExit`."""
        end_with(lambda: super(Commands, self).main(*args, **kwargs))

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Returns the command that is meant, loaded."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, _NotLoaded) else command, rest

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Writes the examples."""
        _write_examples(self.epilog, formatter)


class _NotLoaded(TyperCommand):
    def __init__(self, name: str, listed: Listed) -> None:
        super().__init__(name, help=listed.summary, rich_markup_mode=None)
        self._listed = listed

    def load(self) -> Any:
        return self._listed.load(self.name or "")


class _Command(TyperCommand):
    """A command whose help ends with examples."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parses the arguments; an error names the flag or the environment variable that was used."""
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            # Pydantic's word for what a function of Typer found.
            error.message = error.message.removeprefix("Value error, ")
            if error.param is not None and error.param_hint is None and error.param.param_type_name == "option":
                error.param_hint = f"'{Named(ctx)[error.param.name]}'"
            raise

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Returns the arguments for the line of usage, without the hidden one for what is too many."""
        return [piece for piece in super().collect_usage_pieces(ctx) if not piece.startswith("[]")]

    def get_help(self, ctx: Any) -> str:
        """Returns the help, with all defaults in one form: Typer puts some of them in parentheses."""
        return _DEFAULT.sub(r"\1\2", super().get_help(ctx))

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Writes the examples."""
        _write_examples(self.epilog, formatter)


def _write_examples(examples: str | None, formatter: Any) -> None:
    with formatter.section("Examples"):
        for line in (examples or "").splitlines():
            formatter.write(f"  {line}\n")
