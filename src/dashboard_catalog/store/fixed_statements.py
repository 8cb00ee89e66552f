"""Statements that never change, and go to the driver without SQLAlchemy.

SQLAlchemy takes longer to run a statement than PostgreSQL or SQLite for one row. So those that every call needs are
compiled once per dialect, with the function that converts their parameters.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import ClauseElement, Dialect

from dashboard_catalog.store.conversions import Row, parameter_writer


class Form(NamedTuple):
    """A statement in one dialect, and what turns its parameters by name into the values for its placeholders."""

    sql: str
    values: Callable[[Mapping[str, Any]], Row]


class FixedStatement:
    """A statement and its forms.

    Args:
        statement: Its parameters are converted as their types say.

    Attributes:
        statement: The same.
    """

    def __init__(self, statement: ClauseElement) -> None:
        self.statement = statement
        self._forms: dict[str, Form] = {}

    def form(self, dialect: Dialect) -> Form:
        """Returns the form for the driver of a dialect."""
        form = self._forms.get(dialect.name)
        if form is None:
            compiled: Any = self.statement.compile(dialect=dialect)
            parameters = [compiled.binds[name] for name in compiled.positiontup or ()]
            form = self._forms[dialect.name] = Form(compiled.string, parameter_writer(parameters, dialect))
        return form
