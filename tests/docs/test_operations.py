"""docs/operations.md lists exactly the events of the log."""

import re

from tests.docs.conftest import ROOT

LOGGED = re.compile(r'\b_log\.\w+\(\s*"(?P<event>\w+)"')
LISTED = re.compile(r"^\| (?P<events>`.+?`) \| (?:debug|info|warning|error) \|", re.MULTILINE)
# Its level is computed, so the code does not write it like the others.
OF_CALLS = "call"


def test_every_event_of_the_log_is_listed() -> None:
    sources = (path.read_text() for path in ROOT.joinpath("src").rglob("*.py"))
    logged = {found["event"] for source in sources for found in LOGGED.finditer(source)}
    rows = LISTED.finditer(ROOT.joinpath("docs/operations.md").read_text())
    listed = {event for row in rows for event in re.findall("`(.+?)`", row["events"])}
    assert listed == logged | {OF_CALLS}
