"""Column types and conditions have the same meaning on both databases, for any text."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, ParamSpec
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, MetaData, Table, bindparam, insert, literal, select
from sqlalchemy.schema import CreateTable
from sqlalchemy.types import TypeEngine

from dashboard_catalog.store.column_types import DOCUMENT, ID, KEY_TEXT, TEXT_LIST, TIMESTAMP, UUID_LIST
from dashboard_catalog.store.conditions import any_of, begins_with, has_key, overlaps
from dashboard_catalog.store.database import Database

P = ParamSpec("P")

# Everything that a string in a message can contain, except U+0000; difficult characters more often than by chance.
AWKWARD = [
    "", "'", '"', "\\", '\\"', "a\\u0041", "{a,b}", "NULL", "null", "a,b", "%", "_", "$1", "?", ":a", "1", "1.0",
    " a ", "\n", "\t",
    "é", "e\u0301", "ß", "İ", "\u202e", "\x01", "\x7f", "\ufeff", "\uffff",
    "\U0001f600", "\U0001f469\u200d\U0001f467", "\U0010ffff",
]  # fmt: skip
TEXTS = st.sampled_from(AWKWARD) | st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12
)
SMALL = st.sampled_from(["a", "A", "aa", "ä", '"', "\\", "1"])
IDS = st.sampled_from([UUID(int=n) for n in (0, 1, 16, 2**128 - 1)])
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=9))])
TIMES = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=ZONES)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-(2.0**53), 2.0**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


class BlockingDatabase:
    """A database with blocking calls, which hypothesis needs."""

    def __init__(self, runner: asyncio.Runner, database: Database) -> None:
        self._runner = runner
        self._database = database

    def run(self, statement: Any, parameters: Any = None) -> list[Any]:
        async def work(connection: Any) -> list[Any]:
            result = await connection.execute(statement, parameters)
            return list(result) if result.returns_rows else []

        return self._runner.run(self._database.write(work))

    def holds(self, condition: Any) -> bool:
        ((answer,),) = self.run(select(condition))
        return bool(answer)


@pytest.fixture
def blocking(database_url: str) -> Iterator[BlockingDatabase]:
    with asyncio.Runner() as runner:

        async def opened() -> Database:
            return Database(database_url)

        database = runner.run(opened())
        yield BlockingDatabase(runner, database)
        runner.run(database.close())


def _often(**strategies: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Callable[[], None]]:
    """Checks a rule with many examples."""

    def decorate(rule: Callable[..., None]) -> Callable[[], None]:
        return given(**strategies)(rule)

    return decorate


def _texts(values: list[str]) -> Any:
    return bindparam(None, values, TEXT_LIST)


def _ids(values: list[UUID]) -> Any:
    return bindparam(None, values, UUID_LIST)


def test_any_of_tests_membership(blocking: BlockingDatabase) -> None:
    @_often(value=TEXTS | SMALL, values=st.lists(TEXTS | SMALL, max_size=5))
    def of_texts(value: str, values: list[str]) -> None:
        assert blocking.holds(any_of(bindparam(None, value, KEY_TEXT), _texts(values))) == (value in values)
        assert blocking.holds(any_of(bindparam(None, value, KEY_TEXT), _texts([*values, value])))

    @_often(value=IDS, values=st.lists(IDS, max_size=3))
    def of_ids(value: UUID, values: list[UUID]) -> None:
        assert blocking.holds(any_of(bindparam(None, value, ID), _ids(values))) == (value in values)

    of_texts()
    of_ids()


def test_overlaps_tests_for_a_common_element(blocking: BlockingDatabase) -> None:
    @_often(held=st.lists(TEXTS | SMALL, max_size=5), values=st.lists(TEXTS | SMALL, max_size=5))
    def of_texts(held: list[str], values: list[str]) -> None:
        assert blocking.holds(overlaps(_texts(held), _texts(values))) == bool(set(held) & set(values))

    @_often(held=st.lists(IDS, max_size=3), values=st.lists(IDS, max_size=3))
    def of_ids(held: list[UUID], values: list[UUID]) -> None:
        assert blocking.holds(overlaps(_ids(held), _ids(values))) == bool(set(held) & set(values))

    of_texts()
    of_ids()


def test_has_key_tests_for_a_key_at_the_top(blocking: BlockingDatabase) -> None:
    @_often(document=st.dictionaries(TEXTS | SMALL, VALUES, max_size=4), key=TEXTS | SMALL)
    def rule(document: dict[str, Any], key: str) -> None:
        held = bindparam(None, document, DOCUMENT)
        assert blocking.holds(has_key(held, literal(key))) == (key in document)
        for known in document:
            assert blocking.holds(has_key(held, literal(known)))

    rule()


def test_begins_with_tests_for_a_prefix(blocking: BlockingDatabase) -> None:
    @_often(text=TEXTS, prefix=TEXTS, length=st.integers(0, 5))
    def rule(text: str, prefix: str, length: int) -> None:
        for start in (prefix, text[:length], text + prefix):
            column = bindparam(None, text, KEY_TEXT)
            assert blocking.holds(begins_with(column, start)) == text.startswith(start), start

    rule()


def _table(type_: TypeEngine[Any]) -> Table:
    return Table("things", MetaData(), Column("value", type_))


def _stored(blocking: BlockingDatabase, type_: TypeEngine[Any], *values: Any) -> list[Any]:
    """Returns stored values as they are read, in the order of the column."""
    table = _table(type_)
    blocking.run(table.delete())
    blocking.run(insert(table), [{"value": value} for value in values])
    return [row.value for row in blocking.run(select(table.c.value))]


def _make(blocking: BlockingDatabase, type_: TypeEngine[Any]) -> Table:
    table = _table(type_)
    blocking.run(CreateTable(table))
    return table


@pytest.mark.parametrize(
    ("type_", "strategy"),
    [
        pytest.param(KEY_TEXT, TEXTS, id="text"),
        pytest.param(ID, st.uuids(), id="id"),
        pytest.param(TEXT_LIST, st.lists(TEXTS, max_size=4), id="texts"),
        pytest.param(UUID_LIST, st.lists(st.uuids(), max_size=4), id="ids"),
        pytest.param(DOCUMENT, st.dictionaries(TEXTS, VALUES, max_size=4), id="document"),
        pytest.param(TIMESTAMP, TIMES, id="time"),
    ],
)
def test_a_stored_value_is_read_unchanged(
    blocking: BlockingDatabase, type_: TypeEngine[Any], strategy: st.SearchStrategy[Any]
) -> None:
    _make(blocking, type_)

    @_often(value=strategy)
    def rule(value: Any) -> None:
        assert _stored(blocking, type_, value) == [value]

    rule()
    assert _stored(blocking, type_, None) == [None]


def test_a_time_is_read_in_utc(blocking: BlockingDatabase) -> None:
    _make(blocking, TIMESTAMP)
    local = datetime(2026, 3, 29, 3, 30, 0, 123_456, tzinfo=timezone(timedelta(hours=-5)))

    (read,) = _stored(blocking, TIMESTAMP, local)

    assert (read, read.utcoffset()) == (local, timedelta(0))


def test_texts_sort_byte_for_byte(blocking: BlockingDatabase) -> None:
    table = _make(blocking, KEY_TEXT)

    @_often(values=st.lists(TEXTS | SMALL, max_size=8, unique=True))
    def rule(values: list[str]) -> None:
        blocking.run(table.delete())
        if values:
            blocking.run(insert(table), [{"value": value} for value in values])
        read = [row.value for row in blocking.run(select(table.c.value).order_by(table.c.value))]
        assert read == sorted(values, key=str.encode)
        for pivot in values:
            after = blocking.run(select(table.c.value).where(table.c.value > pivot))
            assert {row.value for row in after} == {value for value in values if value.encode() > pivot.encode()}

    rule()
