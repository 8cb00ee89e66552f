"""Whole conversations of OpenMetadata's clients, line by line: the calls of a connector, and those of the Python SDK.

A line sends a request, and names the status and what the answer must hold; it may hold more. `keep` keeps values of the
answer under a name, and `{NAME}` stands for them in later lines, because every server has its own ids. The fixture
`connect` also compares each answer with what the clients accept.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboard_catalog.server import CatalogServer
from tests.http.conftest import Connect

CONVERSATIONS = {
    path.stem: path.read_text().splitlines() for path in Path(__file__).parent.joinpath("conversations").glob("*.jsonl")
}
PASSWORD = "open sesame"


@pytest.mark.parametrize("name", sorted(CONVERSATIONS))
async def test_a_conversation_goes_on_as_with_openmetadata(
    connect: Connect, server: CatalogServer, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    kept: dict[str, str] = {}
    # A connector has a bot's token, which may not write users.
    async with connect("connector", "ingestion_bot") as bot, connect("admin", "admin") as admin:
        for line in CONVERSATIONS[name]:
            said = json.loads(_filled(line, kept))
            method, path = said["send"].split(" ", 1)
            kind = "application/json-patch+json" if method == "PATCH" else "application/json"
            client = admin if name == "sdk" or "/users" in path else bot
            content = json.dumps(said["body"]) if "body" in said else None
            answer = await client.request(method, path, content=content, headers={"content-type": kind})
            assert answer.status_code == said["status"], f"{line}\n{answer.text}"
            assert PASSWORD not in answer.text
            if "answer" in said:
                assert list(_lacks(said["answer"], answer.json())) == [], f"{line}\n{answer.text}"
            kept |= {name: answer.json()[key] for name, key in said.get("keep", {}).items()}
    server._access_log.flush()
    assert PASSWORD not in "".join(capfd.readouterr())


def _filled(line: str, kept: dict[str, str]) -> str:
    for name, value in kept.items():
        line = line.replace(f"{{{name}}}", value)
    return line


def _lacks(expected: Any, found: Any, at: str = "") -> Iterator[str]:
    """Yields the places of what is expected and not found."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key, value in expected.items():
            yield from _lacks(value, found.get(key), f"{at}.{key}")
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for place, (one, other) in enumerate(zip(expected, found, strict=True)):
            yield from _lacks(one, other, f"{at}[{place}]")
    elif expected != found:
        yield f"{at}: {expected!r} is {found!r}"
