"""docs/architecture.md names existing files and tables, and the layers that the linter enforces."""

import re
import tomllib

import pytest

from dashboard_catalog.store.tables import METADATA
from tests.docs.conftest import ROOT

ARCHITECTURE = ROOT.joinpath("docs/architecture.md").read_text()
FILES = sorted(set(re.findall(r"`([\w/]+\.(?:py|proto))`", ARCHITECTURE)))


@pytest.mark.parametrize("name", FILES)
def test_every_named_file_exists(name: str) -> None:
    assert any(folder.joinpath(name).is_file() for folder in (ROOT / "src" / "dashboard_catalog", ROOT))


def test_the_layers_match_the_rules_of_the_linter() -> None:
    linter = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text())["tool"]["importlinter"]
    layers = [contract["layers"] for contract in linter["contracts"] if contract["type"] == "layers"]
    shown = re.findall(r"```text\n(.*)\n```", ARCHITECTURE)
    assert shown == [" > ".join(each) for each in layers]


def test_every_named_table_exists() -> None:
    section = ARCHITECTURE.partition("## What is stored\n")[2].partition("\n## ")[0]
    assert set(re.findall("`([a-z_]+)`", section)) <= METADATA.tables.keys()
