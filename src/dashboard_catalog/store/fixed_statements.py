"""Statements that never change, and go to the driver without SQLAlchemy.

SQLAlchemy takes longer to run a statement than PostgreSQL or SQLite for one row. So those that every call needs are
compiled once per dialect, with the function that converts their parameters.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, ClauseElement, Dialect

from dashboard_catalog.store.conversions import Row, parameter_writer

Writer = Callable[[Sequence[BindParameter[Any]], Dialect], Callable[[Any], Row]]
"""Makes what turns parameters into the values for the placeholders of a statement, in their order."""


class Form(NamedTuple):
    """A statement in one dialect, and what turns its parameters into the values for its placeholders."""

    sql: str
    values: Callable[[Any], Row]


class FixedStatement:
    """A statement and its forms.

    Args:
        statement: Its parameters are converted as their types say.
        writer: For parameters that are not a mapping by name.

    Attributes:
        statement: The same.
    """

    def __init__(self, statement: ClauseElement, writer: Writer = parameter_writer) -> None:
        self.statement = statement
        self._writer = writer
        self._forms: dict[str, Form] = {}

    def form(self, dialect: Dialect) -> Form:
        """Returns the form for the driver of a dialect."""
        form = self._forms.get(dialect.name)
        if form is None:
            compiled: Any = self.statement.compile(dialect=dialect)
            parameters = [compiled.binds[name] for name in compiled.positiontup or ()]
            form = self._forms[dialect.name] = Form(compiled.string, self._writer(parameters, dialect))
        return form
