"""What migrations promise about the rows that were there before."""

from tests.upgrades.rows import Contents, Row, default_of, in_order

# Columns that a migration fills with something else than their default.
_FILLED_COLUMNS = {("bulk_session", "started_at"): lambda row: row["updated_at"]}
# The schema whose migration makes one change of each entity.
_CHANGES_OF_ENTITIES = "0004"


def check_kept(url: str, revision: str, before: Contents, after: Contents) -> None:
    """Fails unless every row is as it was, and nothing was added but what the migrations say.

    Args:
        url: Of the database, after the upgrade.
        revision: The schema before.
        before: The rows before.
        after: The rows after.
    """
    for table, rows in before.items():
        columns = set(rows[0]) if rows else set()
        assert in_order(_only(columns, row) for row in after[table]) == rows, table
        for column in (set(after[table][0]) if rows else set()) - columns:
            filled = _FILLED_COLUMNS.get((table, column))
            default = None if filled else default_of(url, table, column)
            for row in after[table]:
                assert row[column] == (filled(row) if filled else default), (table, column)
    added = {table: rows for table, rows in after.items() if rows and table not in before}
    if revision < _CHANGES_OF_ENTITIES:
        changes = added.pop("entity_change")
        columns = set(before["entity"][0])
        assert in_order(_only(columns, row) for row in changes) == before["entity"]
        for change in changes:
            what = change["change"], change["previous_fqn"], bool(change["by_ingestion"]), change["session_id"]
            assert what == ("deleted" if change["deleted"] else "created", None, False, None)
    assert added == {}


def _only(columns: set[str], row: Row) -> Row:
    return {column: row[column] for column in columns}
