"""docs/metrics.md lists exactly the metrics that there are, with their types and labels."""

import re
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from dashboard_catalog.metrics.declared import Metrics
from tests.docs.conftest import ROOT

DOCUMENT = ROOT.joinpath("docs/metrics.md").read_text()
ROW = re.compile(r"^\| `(?P<name>\w+)` \| (?P<type>\w+) \| (?P<labels>[`\w, ]*?) ?\| (?P<meaning>.+) \|$", re.MULTILINE)
PREFIX = "dashboard_catalog_"
SUFFIXES = {"counter": "_total", "info": "_info"}


def declared() -> dict[str, tuple[str, list[str]]]:
    """Returns type and labels of each metric of the catalog, by its name."""
    metrics = Metrics()
    groups = [name for name, member in vars(Metrics).items() if isinstance(member, cached_property)]
    for group in groups:
        getattr(metrics, group)
    found = {}
    collectors: Iterable[Any] = metrics.registry._collector_to_names
    for collector in collectors:
        if not hasattr(collector, "describe"):
            continue
        for family in collector.describe():
            if family.name.startswith(PREFIX):
                name = f"{family.name.removeprefix(PREFIX)}{SUFFIXES.get(family.type, '')}"
                labels = getattr(collector, "_labels", getattr(collector, "_labelnames", ()))
                # The labels of an info are its values.
                found[name] = (family.type, ["version"] if family.type == "info" else list(labels))
    return found


def test_the_table_matches_what_is_declared() -> None:
    rows = {row["name"]: (row["type"], re.findall(r"\w+", row["labels"])) for row in ROW.finditer(DOCUMENT)}
    assert rows == declared()


def test_every_group_of_metrics_is_compared() -> None:
    assert len(declared()) > 35
