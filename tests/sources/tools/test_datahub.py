"""Files of DataHub's file sink: both of their shapes, and what becomes of each aspect."""

import json
from collections import Counter
from typing import Any

import pytest

from dashboard_catalog.sources.items.found import BadItem, Found, FoundItem
from dashboard_catalog.sources.items.messages import convert
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.problems import SourceError
from dashboard_catalog.sources.tools import FORMATS
from dashboard_catalog.sources.tools.datahub.file_sink import DataHub
from dashboard_catalog.sources.wishes import Wishes
from tests.sources.memory_tree import MemoryTree

DASHBOARD = "urn:li:dashboard:(superset,7)"
CHART = "urn:li:chart:(superset,12)"
OTHER_CHART = "urn:li:chart:(superset,13)"
NONE = Wishes()


def event(urn: str, **aspects: Any) -> dict[str, Any]:
    """Returns a MetadataChangeEvent, whose aspects are named by classes."""
    prefix = "com.linkedin.pegasus2avro.x."
    listed = [{prefix + name[0].upper() + name[1:]: value} for name, value in aspects.items()]
    return {"proposedSnapshot": {f"{prefix}Snapshot": {"urn": urn, "aspects": listed}}}


def proposal(urn: str, aspect: str, value: Any, change: str = "UPSERT") -> dict[str, Any]:
    wrapped = None if value is None else {"json": value}
    return {"entityUrn": urn, "changeType": change, "aspectName": aspect, "aspect": wrapped}


def tree_of(*elements: Any, as_lines: bool = False) -> MemoryTree:
    text = "\n".join(map(json.dumps, elements)) if as_lines else json.dumps(elements, indent=1)
    return MemoryTree({"metadata.json": text.encode()}, "metadata.json")


def found(*elements: Any, wishes: Wishes = NONE, as_lines: bool = False) -> list[Found]:
    tree = tree_of(*elements, as_lines=as_lines)
    assert next(known for known in FORMATS if known.recognizes(tree)).name == "datahub"
    items = list(DataHub().items(tree, wishes))
    for item in items:
        if isinstance(item, FoundItem):
            assert convert(item.kind, item.body).problems == []
    return items


def bodies(kind: Kind, *elements: Any, wishes: Wishes = NONE) -> list[Any]:
    return [item.body for item in found(*elements, wishes=wishes) if item.kind is kind]


def dropped(*elements: Any) -> Counter[str]:
    return Counter(what for item in found(*elements) if isinstance(item, FoundItem) for what in item.dropped)


EVENTS = (
    event(
        DASHBOARD,
        status={"removed": False},
        dashboardInfo={
            "title": "Ovens",
            "description": "of the tool",
            "charts": [CHART],
            "chartEdges": [{"destinationUrn": OTHER_CHART}, {"destinationUrn": CHART}],
            "dashboardUrl": "https://kim:secret@bi.example.com/7",
            "lastModified": {"created": {"time": 0}},
            "customProperties": {"Certified": "yes"},
            "datasets": [],
        },
        ownership={"owners": [{"owner": "urn:li:corpuser:jo.doe@example.com"}, {"owner": "urn:li:corpGroup:bakers"}]},
        globalTags={"tags": [{"tag": "urn:li:tag:superset:two words"}, {"tag": "urn:li:tag:a::b"}]},
        glossaryTerms={"terms": [{"urn": "urn:li:glossaryTerm:Heat"}]},
    ),
    event(CHART, chartInfo={"title": "Heat", "type": "BOX_PLOT", "chartUrl": "https://bi.example.com/c/12"}),
    event(OTHER_CHART, chartInfo={"title": "Cloud", "type": "WORD_CLOUD", "chartUrl": None}),
    event("urn:li:dataset:(urn:li:dataPlatform:superset,a.b,PROD)", status={"removed": False}),
    proposal("urn:li:dataset:(urn:li:dataPlatform:superset,a.b,PROD)", "status", {"removed": False}),
    proposal(DASHBOARD, "domains", {"domains": ["urn:li:domain:5f2a"]}),
    proposal(DASHBOARD, "editableDashboardProperties", {"description": "of a person", "created": {"time": 1}}),
    proposal("urn:li:tag:superset:two words", "tagProperties", {"name": "Two", "description": "Both"}),
    proposal("urn:li:domain:5f2a", "domainProperties", {"name": "Bread", "parentDomain": "urn:li:domain:food"}),
    proposal("urn:li:tag:unused", "tagKey", {"name": "unused"}),
)


@pytest.mark.parametrize("as_lines", [False, True])
def test_both_shapes_make_items_whatever_the_order_of_aspects(*, as_lines: bool) -> None:
    items = found(*EVENTS, as_lines=as_lines)
    assert [(item.kind, item.body) for item in items] == [
        (Kind.BI_SERVICE, {"name": "superset", "serviceType": "Superset"}),
        (Kind.CLASSIFICATION, {"name": "DataHubTags"}),
        (
            Kind.TAG,
            {
                "classification": "DataHubTags",
                "name": "superset:two words",
                "displayName": "Two",
                "description": "Both",
            },
        ),
        (
            Kind.CHART,
            {
                "name": "12",
                "service": "superset",
                "displayName": "Heat",
                "sourceUrl": "https://bi.example.com/c/12",
                "chartType": "BoxPlot",
            },
        ),
        (Kind.CHART, {"name": "13", "service": "superset", "displayName": "Cloud", "chartType": "Other"}),
        (
            Kind.DASHBOARD,
            {
                "name": "7",
                "service": "superset",
                "displayName": "Ovens",
                "description": "of a person",
                "sourceUrl": "https://bi.example.com/7",
                "owners": [{"type": "user", "name": "jo.doe@example.com"}],
                "tags": [{"tagFQN": "DataHubTags.superset:two words", "labelType": "Automated"}],
                "domain": "food.Bread",
                "charts": ["superset.12", "superset.13"],
            },
        ),
    ]
    assert [item.place for item in items][-1] == "metadata.json, item 1"


def test_the_reverse_order_makes_the_same_items() -> None:
    def sorted_items(elements: Any) -> list[str]:
        return sorted(json.dumps(item.body, sort_keys=True) for item in found(*elements))

    assert sorted_items(EVENTS) == sorted_items(EVENTS[::-1])


def test_what_is_left_out_is_named_once_for_each_thing() -> None:
    assert dropped(*EVENTS) == {
        "dashboard.lastModified": 1,
        "dashboard.customProperties": 1,
        "dashboard.glossaryTerms": 1,
        "dashboard.owners (groups)": 1,
        "dashboard.tags (that cannot be names)": 1,
        "dataset": 1,
        "domain": 1,
        "tag (not used)": 1,
    }


def test_what_is_removed_is_left_out_and_so_are_assets_of_which_only_additions_are_known() -> None:
    elements = [
        event(DASHBOARD, dashboardInfo={"title": "a", "charts": [CHART, OTHER_CHART]}),
        event(CHART, chartInfo={"title": "b"}, status={"removed": True}),
        event(OTHER_CHART, ownership={"owners": []}),
        proposal("urn:li:dashboard:(superset,8)", "dashboardInfo", {"title": "c"}),
        proposal("urn:li:dashboard:(superset,8)", "dashboardKey", None, "DELETE"),
        proposal(DASHBOARD, "dashboardInfo", [{"op": "add"}], "PATCH"),
    ]
    assert bodies(Kind.DASHBOARD, *elements) == [
        {"name": "7", "service": "superset", "displayName": "a", "charts": ["superset.13"]}
    ]
    assert bodies(Kind.CHART, *elements) == []
    assert dropped(*elements) == {
        "chart (removed)": 1,
        "chart (without chartInfo)": 1,
        "dashboard (removed)": 1,
        "dashboard.charts (removed)": 1,
        "dashboard.dashboardInfo (PATCH)": 1,
    }
    with pytest.raises(SourceError, match=r"^metadata.json has no dashboards or charts, but dataset \(1\)$"):
        found(EVENTS[3])


@pytest.mark.parametrize(
    ("urn", "name"),
    [
        ("urn:li:dashboard:(looker,dashboards.a%2Cb%28c%29)", "dashboards.a,b(c)"),
        ("urn:li:dashboard:(looker,a,(b,c))", "a,(b,c)"),
        ("urn:li:dashboard:(urn:li:dataPlatform:looker,100%)", "100%"),
    ],
)
def test_the_id_in_the_urn_is_the_name(urn: str, name: str) -> None:
    assert bodies(Kind.DASHBOARD, event(urn, dashboardInfo={})) == [{"name": name, "service": "looker"}]


@pytest.mark.parametrize("urn", ["urn:li:dashboard:7", "urn:li:dashboard:(superset)", "urn:li:dashboard:(,7)"])
def test_an_asset_without_a_platform_or_an_id_is_a_problem_with_its_place(urn: str) -> None:
    [item] = found(event(urn, dashboardInfo={"title": "a"}))
    problem = f"has {urn!r}, not urn:li:dashboard:(PLATFORM,ID)"
    assert item == BadItem("metadata.json, item 1", problem, Kind.DASHBOARD)


def test_the_bi_service_is_the_instance_or_what_people_wish_or_the_platform() -> None:
    instance = {"instance": "urn:li:dataPlatformInstance:(urn:li:dataPlatform:superset,prod.eu)"}
    there = "urn:li:dashboard:(superset,prod.eu.7)"
    elements = [
        event(there, dashboardInfo={"charts": ["urn:li:chart:(superset,prod.eu.12)"]}, dataPlatformInstance=instance),
        event("urn:li:dashboard:(sisense,9)", dashboardInfo={}),
    ]
    in_prod = {"name": "7", "service": '"prod.eu"', "charts": ['"prod.eu".12']}
    assert bodies(Kind.DASHBOARD, *elements) == [in_prod, {"name": "9", "service": "sisense"}]
    assert bodies(Kind.BI_SERVICE, *elements) == [
        {"name": "prod.eu", "serviceType": "Superset"},
        {"name": "sisense", "serviceType": "sisense"},
    ]
    wished = Wishes(service="our bi", service_type="Sisense")
    assert bodies(Kind.DASHBOARD, *elements, wishes=wished) == [in_prod, {"name": "9", "service": "our bi"}]
    assert bodies(Kind.BI_SERVICE, *elements, wishes=wished)[1] == {"name": "our bi", "serviceType": "Sisense"}


def test_one_bi_service_cannot_be_of_two_tools() -> None:
    elements = [event(DASHBOARD, dashboardInfo={}), event("urn:li:dashboard:(looker,1)", dashboardInfo={})]
    with pytest.raises(SourceError, match=r"^bi would be a BI service of superset and of looker: leave --service out$"):
        found(*elements, wishes=Wishes(service="bi"))


def test_a_group_owns_what_no_user_owns_and_the_first_domain_counts() -> None:
    owners = [{"owner": "urn:li:corpGroup:bakers"}, {"owner": "urn:li:corpGroup:millers"}]
    domains = {"domains": ["urn:li:domain:a.b", "urn:li:domain:c"]}
    elements = [event(CHART, chartInfo={}, ownership={"owners": owners}, domains=domains)]
    [chart] = bodies(Kind.CHART, *elements)
    assert chart["owners"] == [{"type": "team", "name": "bakers"}]
    assert chart["domain"] == '"a.b"'
    assert dropped(*elements) == {"chart.owners (groups)": 1, "chart.domains (more than one)": 1}


def test_a_report_of_power_bi_is_a_report() -> None:
    elements = [event("urn:li:dashboard:(powerbi,r1)", dashboardInfo={}, subTypes={"typeNames": ["Report"]})]
    assert bodies(Kind.DASHBOARD, *elements) == [{"name": "r1", "service": "powerbi", "dashboardType": "Report"}]


def test_what_is_not_from_datahub_is_a_problem_of_its_own() -> None:
    items = found(event(CHART, chartInfo={}), 3, {"a": 1}, event("chart:1", chartInfo={}))
    assert [(item.place, item.problem) for item in items if isinstance(item, BadItem)] == [
        ("metadata.json, item 2", "is not a JSON object"),
        ("metadata.json, item 3", "is neither a MetadataChangeEvent nor a MetadataChangeProposal of DataHub"),
        ("metadata.json, item 4", "has 'chart:1', which is not a URN"),
    ]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b'[{"proposedSnapshot": 1},]', "metadata.json is not JSON: Expecting value at line 1, column 26"),
        (b'[{"proposedSnapshot": 1} 2]', "metadata.json is not JSON: Expecting ',' delimiter at line 1, column 26"),
        (b"[" * 9_000, "metadata.json is not JSON: it is nested too deeply"),
        (b"[" + b"1," * 10_001 + b"1]", "metadata.json, item 1 is not a JSON object, and neither are 10,000 others"),
    ],
)
def test_what_is_not_json_is_one_error(text: bytes, error: str) -> None:
    with pytest.raises(SourceError) as raised:
        list(DataHub().items(MemoryTree({"metadata.json": text}), Wishes()))
    assert str(raised.value) == error
