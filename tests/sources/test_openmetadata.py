"""Bodies as OpenMetadata's API returns them."""

from typing import Any

import pytest

from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.messages import convert
from dashboard_catalog.sources.problems import Problem
from tests.sources.bodies import NAMED, converted


@pytest.mark.parametrize(
    "given",
    [
        {"domains": ["a.b"]},
        {"domains": [{"id": "1", "type": "domain", "name": "b", "fullyQualifiedName": "a.b"}]},
        {"domain": {"type": "domain", "fullyQualifiedName": "a.b"}},
        {"domain": "a.b", "domains": ["a.b"]},
        {"domains": ["a.b", "a.b"]},
    ],
)
def test_a_list_with_one_domain_is_a_domain(given: dict[str, Any]) -> None:
    assert converted(NAMED | given) == NAMED | {"domain": "a.b"}


@pytest.mark.parametrize("given", [{"domains": ["a", "b"]}, {"domain": "b", "domains": ["a"]}])
def test_two_domains_are_an_error_that_names_the_field(given: dict[str, Any]) -> None:
    assert convert(Kind.CHART, NAMED | given).problems == [
        Problem("chart.domains", "names 2 domains (a, b); the catalog keeps one")
    ]


def test_an_empty_list_of_domains_is_absent() -> None:
    assert converted(NAMED | {"domains": []}) == NAMED


def test_references_in_openmetadata_s_form_become_names() -> None:
    body = {
        "name": "n",
        "service": {"id": "1", "type": "dashboardService", "name": "s", "fullyQualifiedName": "s"},
        "charts": [{"id": "2", "type": "chart", "fullyQualifiedName": "s.c"}],
    }
    assert converted(body) == NAMED | {"charts": ["s.c"]}
