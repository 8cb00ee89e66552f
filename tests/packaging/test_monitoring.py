"""Dashboards and alerts in `deploy/` name metrics that there are, and each alert has a runbook."""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import yaml

from dashboard_catalog.catalog.bulk.sweep import SweepOutcome
from dashboard_catalog.error_codes import Code, Reason
from tests.docs.test_metrics import PREFIX, declared
from tests.packaging.deployment import DEPLOY
from tests.packaging.environments import ROOT

GRAFANA = sorted(DEPLOY.glob("grafana/*.json"))
ALERTS = yaml.safe_load(DEPLOY.joinpath("prometheus/alerts.yaml").read_text())
OPERATIONS = ROOT.joinpath("docs/operations.md").read_text()
# What Prometheus adds, and what the library for Python exports besides.
TARGET = {"job", "instance", "process"}
PROCESS = {f"process_{name}" for name in ("cpu_seconds_total", "resident_memory_bytes", "open_fds", "max_fds")}
SELECTED = re.compile(r"(?P<metric>\b(?:dashboard_catalog_\w+|process_\w+|up)\b)(?:\{(?P<labels>[^}]*)\})?")
LABEL = re.compile(r"(\w+)\s*[=!]~?\s*\"([^\"]*)\"")
# Values of labels that the rules and dashboards select, by label.
VALUES = {
    "code": {code.value for code in Code} | {"OK", "UNKNOWN", "CANCELLED"},
    "reason": {reason.value for reason in Reason},
    "state": {"in_use", "idle"},
    "kind": {"read", "write"},
    "outcome": {"failed", "loaded"} | {outcome.value for outcome in SweepOutcome},
}


def panels() -> Iterator[dict[str, Any]]:
    for file in GRAFANA:
        yield from (panel for panel in json.loads(file.read_text())["panels"] if panel["type"] != "row")


def rules() -> list[dict[str, Any]]:
    return [rule for group in ALERTS["groups"] for rule in group["rules"]]


def expressions() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel["targets"]] + [rule["expr"] for rule in rules()]


@cache
def labels_of(metric: str) -> frozenset[str]:
    """Returns the labels of the samples of a name.

    Raises:
        KeyError: If there is no such metric.
    """
    if metric == "up" or metric in PROCESS:
        return frozenset(TARGET)
    name = metric.removeprefix(PREFIX)
    metrics = declared()
    if name not in metrics:
        base, _, part = name.rpartition("_")
        if part not in {"bucket", "sum", "count"} or metrics[base][0] != "histogram":
            raise KeyError(metric)
        return frozenset({*metrics[base][1], *TARGET, *(["le"] if part == "bucket" else [])})
    return frozenset({*metrics[name][1], *TARGET})


@pytest.mark.parametrize("expression", expressions())
def test_every_named_metric_exists_with_its_labels(expression: str) -> None:
    selected = list(SELECTED.finditer(expression))
    assert selected
    for found in selected:
        for label, value in LABEL.findall(found["labels"] or ""):
            assert label in labels_of(found["metric"])
            assert value.startswith((".*", "$")) or set(value.split("|")) <= VALUES.get(label, {value})
    grouped = {name for names in re.findall(r"\bby \(([^)]*)\)", expression) for name in re.findall(r"\w+", names)}
    assert grouped <= frozenset().union(*(labels_of(found["metric"]) for found in selected))


@pytest.mark.parametrize("wrong", ["dashboard_catalog_nothing_total", "dashboard_catalog_calls_running_bucket"])
def test_a_metric_that_does_not_exist_is_found(wrong: str) -> None:
    with pytest.raises(KeyError):
        labels_of(wrong)


def test_every_metric_is_shown() -> None:
    shown = {found["metric"].removeprefix(PREFIX) for text in expressions() for found in SELECTED.finditer(text)}
    bases = {re.sub("_(bucket|sum|count)$", "", name) for name in shown}
    timestamps = {"policy_loaded_timestamp_seconds", "key_loaded_timestamp_seconds", "workers"}
    assert declared().keys() - bases - shown == timestamps


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    assert re.findall(r"^### (Catalog\w+)$", OPERATIONS, re.MULTILINE) == names
    for rule in rules():
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in {"critical", "warning"}
        # The value and the labels that a summary names must be left by the expression.
        for label in re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]):
            grouped = re.search(r"\bby \(([^)]*)\)", rule["expr"])
            assert grouped is None or label in grouped[1]


def test_dashboards_suit_grafana() -> None:
    assert len(GRAFANA) == 2
    for file in GRAFANA:
        dashboard = json.loads(file.read_text())
        ids = [panel["id"] for panel in dashboard["panels"]]
        assert len(set(ids)) == len(ids)
        places = [panel["gridPos"] for panel in dashboard["panels"]]
        assert all(place["x"] + place["w"] <= 24 for place in places)
        variables = {variable["name"] for variable in dashboard["templating"]["list"]}
        assert set(re.findall(r"\$\{?([a-z]\w*)", file.read_text())) <= variables
    assert all(panel["description"] and panel["title"] for panel in panels())
    uids = [json.loads(file.read_text())["uid"] for file in GRAFANA]
    assert len(set(uids)) == len(uids)


def test_the_alerts_and_their_tests_watch_the_job_that_is_scraped() -> None:
    config = yaml.safe_load(DEPLOY.joinpath("prometheus/prometheus.yaml").read_text())
    (job,) = (each["job_name"] for each in config["scrape_configs"])
    assert config["rule_files"] == ["alerts.yaml"]
    assert all(f'job="{job}"' in rule["expr"] for rule in rules())
    tested = yaml.safe_load(DEPLOY.joinpath("prometheus/alerts_test.yaml").read_text())
    named = {test["alertname"] for each in tested["tests"] for test in each["alert_rule_test"]}
    assert named <= {rule["alert"] for rule in rules()}
