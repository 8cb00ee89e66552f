"""Databases that test after test uses, because to create one takes longer than most tests.

So does to fill one. So each keeps what many tests begin with, once the first of them has written it.
"""

from contextlib import closing
from pathlib import Path
from sqlite3 import connect
from uuid import uuid4

from tests.postgres import PostgresClient, PostgresServer

# Rows that the migrations insert are kept in a schema of their own, which no test looks at.
_KEEP = """
CREATE SCHEMA fresh;
CREATE FUNCTION fresh.shape() RETURNS text LANGUAGE sql AS $$
    SELECT md5(string_agg(part, ',' ORDER BY part)) FROM (
        SELECT format('%s.%s %s %s', attrelid::regclass, attname, atttypid, attnotnull) AS part FROM pg_attribute
            WHERE attnum > 0 AND attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
        UNION ALL SELECT format('%s %s', conrelid::regclass, pg_get_constraintdef(oid)) FROM pg_constraint
            WHERE connamespace = 'public'::regnamespace
        UNION ALL SELECT tgname::text FROM pg_trigger
        UNION ALL SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION ALL SELECT relname || relacl::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT setconfig::text FROM pg_db_role_setting
    ) AS parts(part)
$$;
CREATE TABLE fresh.names AS SELECT tablename, false AS has_rows FROM pg_tables WHERE schemaname = 'public';
DO $$
DECLARE
    one text;
    found boolean;
BEGIN
    FOR one IN SELECT tablename FROM fresh.names LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', one) INTO found;
        IF found THEN
            EXECUTE format('CREATE TABLE fresh.%I AS TABLE public.%I', 'rows of ' || one, one);
            UPDATE fresh.names SET has_rows = true WHERE tablename = one;
        END IF;
    END LOOP;
END $$;
CREATE TABLE fresh.first AS SELECT fresh.shape();
"""
# Drops the tables of the last test, and restores the rows of the others. It is an error if the last test has changed
# anything else. Most tables have few rows or none after most tests; to find them out is much cheaper than to truncate.
_RENEW = """
DO $$
DECLARE
    one text;
    restored boolean;
    used boolean;
BEGIN
    -- Rows are deleted in any order, whatever refers to them.
    SET LOCAL session_replication_role = replica;
    FOR one IN
        SELECT tablename FROM pg_tables
        WHERE schemaname = 'public' AND tablename NOT IN (SELECT tablename FROM fresh.names)
    LOOP
        EXECUTE format('DROP TABLE public.%I CASCADE', one);
    END LOOP;
    IF fresh.shape() <> (SELECT shape FROM fresh.first) THEN
        RAISE EXCEPTION 'the tables are not what they were';
    END IF;
    FOR one, restored IN SELECT tablename, has_rows FROM fresh.names LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', one) INTO used;
        IF used AND pg_relation_size(format('public.%I', one)) < 100000 THEN
            EXECUTE format('DELETE FROM public.%I', one);
        ELSIF used THEN
            EXECUTE format('TRUNCATE public.%I CASCADE', one);
        END IF;
        IF restored THEN
            EXECUTE format('INSERT INTO public.%I TABLE fresh.%I', one, 'rows of ' || one);
        END IF;
    END LOOP;
END $$
"""


# Keeps the rows that there are now, and puts them back into a database that is as good as new.
_KEEP_ROWS = """
DROP SCHEMA IF EXISTS kept CASCADE;
CREATE SCHEMA kept;
DO $$
DECLARE one text;
BEGIN
    FOR one IN SELECT tablename FROM fresh.names LOOP
        EXECUTE format('CREATE TABLE kept.%I AS TABLE public.%I', one, one);
    END LOOP;
END $$
"""
_PUT_ROWS = """
DO $$
DECLARE one text;
BEGIN
    SET LOCAL session_replication_role = replica;
    FOR one IN SELECT tablename FROM fresh.names LOOP
        EXECUTE format('DELETE FROM public.%I', one);
        EXECUTE format('INSERT INTO public.%I TABLE kept.%I', one, one);
    END LOOP;
END $$
"""


class ReusedDatabase:
    """A copy of a migrated PostgreSQL database that can be made as good as new.

    Args:
        server: Where it is.
        template: Name of the database that it is a copy of.

    Attributes:
        template: The same.
    """

    def __init__(self, server: PostgresServer, template: str) -> None:
        self._server = server
        self.template = template
        self._name = ""
        # Stays connected, because most of what a new connection needs for this is to look up the tables.
        self._client: PostgresClient | None = None
        self._keeps = False

    @property
    def url(self) -> str:
        """Its URL."""
        return self._server.url(self._name)

    def renewed(self) -> str:
        """Returns its URL, after everything that earlier tests have left in it is gone."""
        if not self._name:
            self._create()
        # A test may have closed all connections.
        elif not (self._runs(_RENEW) or self._runs(_RENEW)):
            # A test has left changes behind, on purpose or because it failed.
            self._server.execute(f"DROP DATABASE {self._name} WITH (FORCE)")
            self._create()
        return self.url

    def keep(self) -> None:
        """Remembers the rows that it has now."""
        self._server.execute(_KEEP_ROWS, database=self._name)
        self._keeps = True

    def put_back(self) -> bool:
        """Restores the remembered rows, and returns whether there are any."""
        return self._keeps and self._runs(_PUT_ROWS)

    def close(self) -> None:
        """Closes its connection."""
        if self._client is not None:
            self._client.close()

    def _runs(self, statement: str) -> bool:
        """Returns whether a statement succeeds; after one that does not, the next has a new connection."""
        self._client = self._client or self._server.client(self._name)
        if self._client.runs(statement):
            return True
        self._client = None
        return False

    def _create(self) -> None:
        self._name = f"test_{uuid4().hex}"
        self._keeps = False
        self._server.execute(f"CREATE DATABASE {self._name} TEMPLATE {self.template}")
        self._server.execute(_KEEP, database=self._name)


class ReusedFile:
    """The same for an SQLite file, which a server may have open.

    Args:
        template: The file that it is a copy of.
        folder: Where it is; for nothing else.
    """

    def __init__(self, template: Path, folder: Path) -> None:
        self._template = template
        self._file = folder / "catalog.db"
        self._kept = folder / "kept.db"

    @property
    def url(self) -> str:
        """Its URL."""
        return f"sqlite+aiosqlite:///{self._file}"

    def renewed(self) -> str:
        """Returns its URL, after everything that earlier tests have left in it is gone."""
        _copy(self._template, self._file)
        return self.url

    def keep(self) -> None:
        """Remembers the rows that it has now."""
        _copy(self._file, self._kept)

    def put_back(self) -> bool:
        """Restores the remembered rows, and returns whether there are any."""
        if self._kept.exists():
            _copy(self._kept, self._file)
        return self._kept.exists()


def _copy(source: Path, target: Path) -> None:
    with closing(connect(source)) as whole, closing(connect(target)) as copy:
        whole.backup(copy)
