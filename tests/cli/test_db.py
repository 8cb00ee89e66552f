"""`db upgrade` and `db check`, on both databases."""

import re
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.store.database_work import query


def test_an_upgrade_creates_the_schema_once(run: Run, empty_database_url: str) -> None:
    before = run("db", "check", "--database-url", empty_database_url)
    assert before.exit_code == 2
    assert "`db upgrade`" in before.stderr
    for _ in range(2):
        upgraded = run("db", "upgrade", "--database-url", empty_database_url)
        assert upgraded.exit_code == 0, upgraded.output
    assert run("db", "check", "--database-url", empty_database_url).exit_code == 0


def test_a_schema_of_a_later_version_is_reported_and_kept(run: Run, database_url: str) -> None:
    query(database_url, "UPDATE dashboard_catalog_version SET version_num = '9999'")

    upgraded = run("db", "upgrade", "--database-url", database_url)

    assert upgraded.exit_code == 2
    assert re.fullmatch(
        r"Error: .+: the schema is at 9999, which this version does not know: it goes up to \d{4}\n", upgraded.stderr
    )
    assert query(database_url, "SELECT version_num FROM dashboard_catalog_version") == [("9999",)]
    # This version can use it, because migrations only add.
    checked = run("db", "check", "--database-url", database_url)
    assert checked.exit_code == 0
    assert checked.stderr.endswith(" has a later schema, which this version can use.\n")


def test_the_database_comes_from_the_environment(
    run: Run, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASHBOARD_CATALOG_DATABASE_URL", empty_database_url)
    assert run("db", "upgrade").exit_code == 0
    assert run("db", "check").exit_code == 0


def test_a_check_does_not_create_a_file(run: Run, tmp_path: Path) -> None:
    result = run("db", "check", "--data-dir", tmp_path)
    assert result.exit_code == 2
    assert result.stderr == f"Error: {tmp_path / 'catalog.db'} does not exist: run `db upgrade`\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("postgresql://ann:secret@127.0.0.1:1/x", "cannot be used"),
        ("sqlite:////nothing/there/catalog.db", "does not exist"),
        ("mysql://127.0.0.1/x", "is not supported"),
    ],
)
@pytest.mark.parametrize("command", ["upgrade", "check"])
def test_an_unusable_database_is_an_error(run: Run, command: str, url: str, text: str) -> None:
    result = run("db", command, "--database-url", url)
    assert result.exit_code == 2
    assert text in result.stderr
    assert "secret" not in result.output
