"""Credentials for BI tools: from the environment, or from a prompt. They are never on the command line."""

import os
from typing import Protocol

from dashboard_catalog.sources.problems import SourceError


class Prompt(Protocol):
    """Asks the user."""

    def __call__(self, question: str, *, hidden: bool) -> str | None:
        """Returns what the user types, or None if there is no terminal.

        Args:
            question: What to show, such as "GRAFANA_TOKEN (Grafana's token)".
            hidden: Whether to hide what is typed.
        """


def credential(variable: str, what: str, prompt: Prompt | None, *, hidden: bool = True) -> str:
    """Returns a credential from an environment variable, or else from the prompt.

    Args:
        variable: Name of the environment variable.
        what: What it is, for people: "a service account token of Grafana".
        prompt: Asks the user if the variable is not set; None to ask nobody.
        hidden: Whether to hide what the user types.

    Raises:
        SourceError: If there is none, or it has characters that no header can have.
    """
    text = os.environ.get(variable, "").strip()
    if not text and prompt is not None:
        text = (prompt(f"{variable} ({what})", hidden=hidden) or "").strip()
    if not text:
        raise SourceError(f"set the environment variable {variable} to {what}")
    if not text.isprintable():
        raise SourceError(f"{variable} is not {what}: it has control characters")
    return text
