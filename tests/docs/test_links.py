"""Links between documents lead to a file, and to a heading if they name one."""

import re
from pathlib import Path

import pytest

from tests.docs.conftest import ROOT

TOP = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "client/README.md", "deploy/README.md")
DOCUMENTS = [*(ROOT / name for name in TOP), *sorted(ROOT.glob("docs/**/*.md"))]
LINK = re.compile(r"\]\((?!https?:)(?P<path>[^)#\s]*)(?:#(?P<heading>[^)]*))?\)")
HEADING = re.compile(r"^#+ (?P<text>.+)$", re.MULTILINE)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_to_existing_files_and_headings(document: Path) -> None:
    for link in LINK.finditer(document.read_text()):
        target = document.parent / link["path"] if link["path"] else document
        assert target.exists(), link.group()
        assert not link["heading"] or link["heading"] in anchors(target), link.group()


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs" / "decisions"
    index = folder.joinpath("README.md").read_text()
    assert [path.name for path in sorted(folder.glob("0*.md")) if f"({path.name})" not in index] == []


def anchors(document: Path) -> set[str]:
    """Returns the anchors of the headings, as GitHub creates them."""
    headings = (found["text"].lower() for found in HEADING.finditer(document.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings}
