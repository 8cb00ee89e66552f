"""What goes in by PUT comes out by GET, whatever the values are."""

from string import printable
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.http.conftest import Connect
from tests.service.caller import Caller

CHARTS = ("c1", "c.2")
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=60)
NAMES = TEXT.map(lambda name: "".join(each for each in name if each.isprintable()).replace("::", "")).filter(bool)
# The catalog keeps labels in the order of their names.
TAGS = st.lists(st.sampled_from(["PII.Email", "PII.Phone", "Tier.Gold"]), unique=True, min_size=1).map(sorted)
LABELS = st.fixed_dictionaries(
    {
        "source": st.just("Classification"),
        "labelType": st.sampled_from(["Manual", "Propagated", "Automated", "Derived", "Generated"]),
        "state": st.sampled_from(["Suggested", "Confirmed"]),
    }
)
BOTH: dict[str, st.SearchStrategy[Any]] = {
    "displayName": TEXT,
    "description": TEXT,
    "sourceUrl": st.text(printable[:62], max_size=20).map("https://bi.example.com/?q={}".format),
    "sourceHash": st.text("0123456789abcdef", min_size=1, max_size=32),
    "tags": st.tuples(TAGS, LABELS).map(lambda tags: [{"tagFQN": tag, **tags[1]} for tag in tags[0]]),
    "owners": st.lists(st.sampled_from(["ann", "bob"]), unique=True, min_size=1).map(
        lambda names: [{"type": "user", "name": name} for name in names]
    ),
    "domains": st.sampled_from([["finance"], ["finance.tax"]]),
}
OF_KIND: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "dashboards": {
        "dashboardType": st.sampled_from(["Dashboard", "Report"]),
        "project": TEXT,
        "charts": st.lists(st.sampled_from(["superset.c1", 'superset."c.2"']), unique=True, min_size=1),
        "extension": st.fixed_dictionaries(
            {}, optional={"costCentre": TEXT, "budget": st.integers(-(2**53) + 1, 2**53 - 1)}
        ).filter(bool),
    },
    "charts": {"chartType": st.sampled_from(["Line", "Pie", "Other"])},
}


@pytest.fixture
async def small_catalog(superset: Caller) -> None:
    """The small catalog. Hypothesis cannot pass callers on, since they have every attribute."""


@pytest.mark.parametrize("kind", sorted(OF_KIND))
@pytest.mark.usefixtures("small_catalog")
# A failure is not made smaller: every attempt is a call of a server.
@settings(max_examples=12, phases=[Phase.generate])
@given(name=NAMES, data=st.data())
async def test_what_is_put_can_be_got(connect: Connect, kind: str, name: str, data: st.DataObject) -> None:
    sent = data.draw(st.fixed_dictionaries({}, optional=BOTH | OF_KIND[kind]))
    async with connect("admin", "admin") as client:
        for chart in CHARTS:
            await client.put("/api/v1/charts", json={"name": chart, "service": "superset"})
        put = await client.put(f"/api/v1/{kind}", json={"name": name, "service": "superset"} | sent)
        assert put.status_code in {200, 201}, put.text
        got = (await client.get(f"/api/v1/{kind}/{put.json()['id']}", params={"fields": "*"})).json()
        by_name = await client.get(f"/api/v1/{kind}/name/{quote(got['fullyQualifiedName'], safe='')}?fields=*")
    assert got == put.json() == by_name.json()
    assert got["name"] == name
    assert {field: _as_sent(field, got, sent) for field in sent} == sent


def _as_sent(field: str, got: dict[str, Any], sent: dict[str, Any]) -> Any:
    """Returns a field of an answer in the form of a request."""
    match field:
        case "owners":
            return [{"type": owner["type"], "name": owner["name"]} for owner in got[field]]
        case "domains" | "charts":
            return [reference["fullyQualifiedName"] for reference in got[field]]
        case "extension":
            # A write merges key by key, and an example before may have had the same name.
            return {key: value for key, value in got[field].items() if key in sent[field]}
        case _:
            return got.get(field)
