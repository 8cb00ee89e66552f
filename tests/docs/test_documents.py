"""The examples in the README and in docs/ print what the documents show, each document with its own server."""

import re
from pathlib import Path

import pytest

from dashboard_catalog.settings import Settings
from tests.docs.conftest import ENVIRONMENT, ROOT
from tests.docs.session import Command, File, Session, fits, steps_of
from tests.postgres import PostgresServer

# These pages need other tools; `make examples` runs their programs.
OTHER_LANGUAGES = {ROOT / "docs" / "clients" / name for name in ("go.md", "java.md", "typescript.md")}
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "client" / "README.md",
    *sorted(set(ROOT.glob("docs/**/*.md")) - OTHER_LANGUAGES),
]
WITH_EXAMPLES = [path for path in DOCUMENTS if any(steps_of(path.read_text()))]
ADDRESS = "127.0.0.1:50051"
HTTP_ADDRESS = "127.0.0.1:8585"
DATABASE = "postgresql://catalog:secret@db.example.com/catalog"
DATABASE_WITHOUT_PASSWORD = "postgresql://catalog:***@db.example.com/catalog"


@pytest.mark.parametrize("document", WITH_EXAMPLES, ids=lambda path: path.relative_to(ROOT).with_suffix("").as_posix())
def test_the_examples_of_a_document_print_what_it_shows(
    document: Path,
    checkout: Path,
    *,
    served: str,
    http_port: int,
    environment: dict[str, str],
    request: pytest.FixtureRequest,
) -> None:
    text = document.read_text()
    shown = {ADDRESS: served, HTTP_ADDRESS: f"127.0.0.1:{http_port}"}
    if DATABASE in text:
        server: PostgresServer = request.getfixturevalue("postgres")
        shown |= databases(server)
        environment = {**environment, "PATH": f"{server.programs}:{environment['PATH']}"}
    with Session(checkout, shown, environment) as session:
        different = list(session.follow(text))
    assert not different, "\n\n".join(different)


def databases(server: PostgresServer) -> dict[str, str]:
    """Returns the addresses of a database without tables and of one that does not exist yet, by those in documents."""
    server.execute("CREATE DATABASE documents")
    found = {}
    for name, shown in (("documents", "catalog"), ("restored", "restored")):
        url = Settings.load({"database_url": server.url(name)}).shown_database_url
        for address in (DATABASE_WITHOUT_PASSWORD, DATABASE):
            found[address.removesuffix("catalog") + shown] = url
    return found


def test_differences_from_a_document_are_found(tmp_path: Path) -> None:
    tmp_path.joinpath("kept").write_text("as it is\n")
    document = (
        "```sh\necho one\n```\n```text\none\n```\n"
        "```sh\necho two \\\n  three\n```\n\nprints\n\n```json\ntwo 3\n```\n"
        "```sh\nseq 3\n```\n```text\n1\n...\n3\n```\n"
        "```sh\necho four; false\n```\n"
        "```sh\necho five\n```\n```python\nfive = 5\n```\n"
        "```sh skip\nexit\n```\n"
        "```text kept\nas it was\n```\n```text new\nsix\n```\n"
        "```sh\ncat new\n```\n```text\nsix\n```\n"
    )
    with Session(tmp_path, {}, ENVIRONMENT) as session:
        assert list(session.follow(document)) == [
            "line 8, status 0:\necho two \\\n  three\ntwo three",
            "line 26, status 1:\necho four; false\nfour",
            "kept is not as the document shows it",
        ]


def test_pages_for_other_languages_show_files_of_the_checkout_unchanged() -> None:
    steps = [step for page in OTHER_LANGUAGES if page.exists() for step in steps_of(page.read_text())]
    shown = [step for step in steps if isinstance(step, File) and ROOT.joinpath(step.name).exists()]
    assert shown
    assert [file.name for file in shown if ROOT.joinpath(file.name).read_text() != file.content] == []


@pytest.mark.parametrize("document", WITH_EXAMPLES, ids=lambda path: path.relative_to(ROOT).with_suffix("").as_posix())
def test_commands_can_be_pasted(document: Path) -> None:
    commands = [step for step in steps_of(document.read_text()) if isinstance(step, Command)]
    assert commands
    assert [step for step in commands if re.search("^[$>] ", step.text, re.MULTILINE)] == []


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
        ("call ... ended", "call 7 ended", True),
        ("call ...", "call 7\n8", False),
    ],
)
def test_dots_and_masked_values_match_any_text(shown: str, output: str, expected: bool) -> None:
    assert fits(shown, output) is expected
