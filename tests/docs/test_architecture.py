"""docs/architecture.md names files that exist, and the layers that the linter holds."""

import re
import tomllib

import pytest

from dashboard_catalog.store.tables import METADATA
from tests.docs.conftest import ROOT

ARCHITECTURE = ROOT.joinpath("docs/architecture.md").read_text()
FILES = sorted(set(re.findall(r"`([\w/]+\.(?:py|proto))`", ARCHITECTURE)))


@pytest.mark.parametrize("name", FILES)
def test_every_file_that_is_named_exists(name: str) -> None:
    assert any(folder.joinpath(name).is_file() for folder in (ROOT / "src" / "dashboard_catalog", ROOT))


def test_the_layers_are_those_that_the_linter_enforces() -> None:
    linter = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text())["tool"]["importlinter"]
    layers = [contract["layers"] for contract in linter["contracts"] if contract["type"] == "layers"]
    shown = re.findall(r"```text\n(.*)\n```", ARCHITECTURE)
    assert shown == [" > ".join(each) for each in layers]


def test_the_tables_that_it_names_exist() -> None:
    section = ARCHITECTURE.partition("## What is stored\n")[2].partition("\n## ")[0]
    assert set(re.findall("`([a-z_]+)`", section)) <= METADATA.tables.keys()
