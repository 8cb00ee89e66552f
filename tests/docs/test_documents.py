"""The examples of the README and of docs/ give what stands there, each document against a server of its own."""

from pathlib import Path

import pytest

from dashboard_catalog.settings import Settings
from tests.docs.conftest import ENVIRONMENT, ROOT
from tests.docs.session import Session, fits, steps_of
from tests.postgres import PostgresServer

DOCUMENTS = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
WITH_EXAMPLES = [path for path in DOCUMENTS if any(steps_of(path.read_text()))]
ADDRESS = "127.0.0.1:50051"
DATABASE = "postgresql://catalog:secret@db.example.com/catalog"
DATABASE_WITHOUT_PASSWORD = "postgresql+asyncpg://catalog:***@db.example.com/catalog"


@pytest.mark.parametrize("document", WITH_EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_of_a_document_give_what_it_shows(
    document: Path, checkout: Path, served: str, request: pytest.FixtureRequest
) -> None:
    text = document.read_text()
    shown = {ADDRESS: served}
    if DATABASE in text:
        database = empty_database(request.getfixturevalue("postgres"))
        shown |= {DATABASE_WITHOUT_PASSWORD: database, DATABASE: database}
    with Session(checkout, shown, ENVIRONMENT) as session:
        different = list(session.follow(text))
    assert not different, "\n\n".join(different)


def empty_database(server: PostgresServer) -> str:
    """Returns the address of a database without tables, as the commands show it."""
    server.execute("CREATE DATABASE documents")
    return Settings.load({"database_url": server.url("documents")}).shown_database_url


def test_another_output_than_the_one_shown_is_found(tmp_path: Path) -> None:
    document = "```console\n$ echo one\none\n$ echo two \\\n>   three\ntwo 3\n$ seq 3\n1\n...\n3\n$ false\n```\n"
    with Session(tmp_path, {}, ENVIRONMENT) as session:
        assert list(session.follow(document)) == ["line 4: $ echo two \\\n  three\ntwo three"]


@pytest.mark.parametrize(
    ("shown", "output", "expected"),
    [
        ("...\nb", "a\nb", True),
        ("a\n...\nb", "a\nb", True),
        ("a\n...", "a\nb\nc", True),
        ("a\n...\nc", "a\nb", False),
        ("at 2026-01-01T00:00:00Z", "at 2027-02-03T04:05:06.789Z", True),
        ("id 01a20df5-0415-7081-bb64-15429c882751", "id none", False),
        ("a.b", "axb", False),
    ],
)
def test_lines_of_dots_and_what_differs_from_run_to_run_may_be_anything(
    shown: str, output: str, expected: bool
) -> None:
    assert fits(shown, output) is expected
