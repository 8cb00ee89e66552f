"""What a database holds: whether it suits the catalog, whose tables are there, and at which revision they are.

The revision is in a table of the catalog's own. Earlier versions kept it in `alembic_version`, which other applications
may use as well: there it counts only if the tables are those of the revision. The catalog never changes that table.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cache

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, column, create_engine, inspect, select, table, text

from dashboard_catalog.store.tables import METADATA, VERSION_TABLE

COPY_TABLE = "dashboard_catalog_copy"
"""The table that marks a database that a copy has not filled completely."""

# Any fixed number serves. It follows the number of the catalog's lock in `store/locks.py`.
MIGRATION_LOCK = 0x0DA5_B0A2_D0CA_7A11
"""The advisory lock of PostgreSQL that the process has that changes the tables."""

_EARLIER_VERSION_TABLE = "alembic_version"
_VERSION_COLUMN = "version_num"
_OLDEST_POSTGRESQL = 15

Tables = Mapping[str, AbstractSet[str]]
"""The names of the columns of each table."""


class SchemaError(Exception):
    """The database cannot be used as it is. The message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Found:
    """The schema that a database has.

    Attributes:
        revision: None without a schema.
        is_known: Whether this version has the revision. Otherwise it is that of a later version.
        is_recorded: Whether the revision is in the catalog's own table.
        is_unfinished: Whether the database holds a copy that is not complete.
    """

    revision: str | None = None
    is_known: bool = True
    is_recorded: bool = False
    is_unfinished: bool = False


def find_schema(connection: Connection, scripts: ScriptDirectory) -> Found:
    """Returns the schema of a database after a look at all of its tables that have a name of the catalog.

    Raises:
        SchemaError: If the catalog cannot use the database, if a table belongs to another application, or if the tables
            are not those of the revision.
    """
    _check_suits(connection)
    there = _tables(connection)
    found = _recorded(connection, scripts, there) or _recorded_earlier(connection, scripts, there) or Found()
    expected = _tables_of(scripts, found) if found.revision else {}
    if found.is_known:
        _check_no_foreign((METADATA.tables.keys() - expected.keys()) & there.keys())
    if missing := _missing(expected, there):
        raise SchemaError(f"the schema is at {found.revision}, but {missing[0]} is missing: restore a backup")
    return replace(found, is_unfinished=COPY_TABLE in there)


def _check_suits(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        encoding = connection.execute(text("PRAGMA encoding")).scalar_one()
        if encoding != "UTF-8":
            raise SchemaError(f"the encoding of the file is {encoding}, but must be UTF-8: use a new file")
        return
    settings = [f"current_setting('server_{name}')" for name in ("version_num", "version", "encoding")]
    number, version, encoding = connection.execute(text(f"SELECT {', '.join(settings)}")).one()
    if int(number) < _OLDEST_POSTGRESQL * 10_000:
        raise SchemaError(f"PostgreSQL {version} is too old: use version {_OLDEST_POSTGRESQL} or later")
    if encoding != "UTF8":
        hint = "use a database that was created with ENCODING 'UTF8'"
        raise SchemaError(f"the encoding of the database is {encoding}, but must be UTF8: {hint}")


def _recorded(connection: Connection, scripts: ScriptDirectory, there: Tables) -> Found | None:
    if VERSION_TABLE in there and _VERSION_COLUMN not in there[VERSION_TABLE]:
        _check_no_foreign([VERSION_TABLE])
    for revision in _revisions_in(connection, VERSION_TABLE, there):
        return Found(revision, is_known=revision in _known(scripts), is_recorded=True)
    return None


def _recorded_earlier(connection: Connection, scripts: ScriptDirectory, there: Tables) -> Found | None:
    for revision in _revisions_in(connection, _EARLIER_VERSION_TABLE, there):
        found = Found(revision)
        if revision in _known(scripts) and not _missing(_tables_of(scripts, found), there):
            return found
    return None


def _revisions_in(connection: Connection, name: str, there: Tables) -> list[str]:
    if _VERSION_COLUMN not in there.get(name, ()):
        return []
    return list(connection.execute(select(column(_VERSION_COLUMN)).select_from(table(name))).scalars())


def _known(scripts: ScriptDirectory) -> set[str]:
    return {script.revision for script in scripts.walk_revisions()}


def _tables_of(scripts: ScriptDirectory, found: Found) -> Tables:
    """Returns the tables that a revision has, or those of the newest known one for a later revision."""
    return _made_by(scripts.dir, str(found.revision if found.is_known else scripts.get_current_head()))


@cache
def _made_by(folder: str, revision: str) -> Tables:
    """Returns the tables that the migrations up to a revision make, in an empty database in memory."""
    engine = create_engine("sqlite://")
    with engine.connect() as connection, Operations.context(MigrationContext.configure(connection)):
        for script in reversed(list(ScriptDirectory(folder).iterate_revisions(revision, "base"))):
            script.module.upgrade()
        made = _tables(connection)
    engine.dispose()
    return made


def _tables(connection: Connection) -> Tables:
    """Returns the tables and views that have a name of the catalog, with those of its revision and of copies."""
    inspector = inspect(connection)
    ours = {*METADATA.tables, VERSION_TABLE, _EARLIER_VERSION_TABLE, COPY_TABLE}
    # SQLite compares names without case.
    spelling = str.lower if connection.dialect.name == "sqlite" else str
    return {
        spelling(name): {spelling(column["name"]) for column in inspector.get_columns(name)}
        for name in (*inspector.get_table_names(), *inspector.get_view_names())
        if spelling(name) in ours
    }


def _missing(expected: Tables, there: Tables) -> list[str]:
    tables = [f"the table {name}" for name in sorted(expected.keys() - there.keys())]
    common = sorted(expected.keys() & there.keys())
    return tables + [f"the column {name}.{one}" for name in common for one in sorted(expected[name] - there[name])]


def _check_no_foreign(names: Iterable[str]) -> None:
    if foreign := sorted(names):
        those = f"table {foreign[0]} belongs" if len(foreign) == 1 else f"tables {', '.join(foreign)} belong"
        raise SchemaError(f"the {those} to another application: use another database, or another schema of this one")
