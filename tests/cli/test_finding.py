"""`search` and `stats`: what they ask for, and how they show what they get."""

import json

from dashboard_catalog.cli.finding.bars import Bar, bar_lines
from dashboard_catalog.cli.finding.results import result_lines
from dashboardcatalog.v1 import asset_pb2, entity_pb2, search_pb2
from tests.cli.conftest import Run
from tests.cli.small_streams import SmallStreams


def result(name: str, display_name: str = "", *snippets: tuple[str, str, str]) -> search_pb2.SearchResult:
    """Returns a dashboard as a result, with snippets of field, text and the word that matches."""
    found = search_pb2.SearchResult(kind=entity_pb2.KIND_DASHBOARD)
    found.dashboard.name, found.dashboard.fully_qualified_name = name, f"s.{name}"
    found.dashboard.display_name = display_name
    for field, text, word in snippets:
        start = text.index(word)
        found.snippets.add(field=field, text=text).ranges.add(start=start, end=start + len(word))
    return found


def test_the_query_and_the_filters_are_sent_and_pages_are_printed_as_they_come(streams: SmallStreams, run: Run) -> None:
    streams.pages = [
        search_pb2.SearchResponse(results=[result("a"), result("b")], total=3, next_page_token="2"),
        search_pb2.SearchResponse(results=[result("c")], total=3),
    ]
    filters = ["--service", "s", "--owner", "user:amira", "--missing", "tags", "--missing", "owners"]
    first = run("search", "sales", "by region", *filters, "--kind", "chart", "--deleted", "only", "--json")
    assert [json.loads(line)["dashboard"]["name"] for line in first.stdout.splitlines()] == ["a", "b"]
    assert first.stderr.splitlines() == [
        "3 results",
        "There are more. List all with --all, or the next page with --page-token 2",
    ]
    asked = streams.requests[0]
    assert (asked.query, asked.service, asked.owner) == ("sales by region", "s", "user:amira")
    assert asked.missing == [asset_pb2.MISSING_TAGS, asset_pb2.MISSING_OWNERS]
    assert (asked.kinds, asked.deleted) == ([entity_pb2.KIND_CHART], asset_pb2.DELETED_ONLY)

    every = run("search", "--all", "--", "-draft")
    assert every.stdout.splitlines() == ["s.a  dashboard", "s.b  dashboard", "s.c  dashboard"]
    assert (streams.requests[-1].query, streams.requests[-1].page_size) == ("-draft", 100)


def test_what_is_not_found_yet_is_said(streams: SmallStreams, run: Run) -> None:
    response = search_pb2.SearchResponse()
    streams.pages = [response]
    response.lag.seconds = 90
    assert run("search", "x").stderr == "0 results\nChanges of the last 90 s are not found yet.\n"
    response.building = True
    assert run("search", "x").stderr == "0 results\nThe index is being built: not everything is found yet.\n"


def test_words_that_match_are_marked_in_the_names_and_below() -> None:
    found = result(
        "sales_by_day",
        "Sales by day",
        ("name", "sales_by_day", "sales"),
        ("displayName", "Sales by day", "Sales"),
        ("description", "All sales\nof the day, \x1b[31m" + "and more " * 20, "sales"),
    )
    heading, below = result_lines(found, 60)
    assert heading.plain == "s.sales_by_day  dashboard  Sales by day"
    assert [heading.plain[span.start : span.end] for span in heading.spans if span.style == "bold red"] == [
        "sales",
        "Sales",
    ]
    assert below.plain.startswith("    description: All sales of the day, \\x1b[31m")
    assert len(below.plain) == 60
    assert [below.plain[span.start : span.end] for span in below.spans if span.style == "bold red"] == ["sales"]

    entity = search_pb2.SearchResult(kind=entity_pb2.KIND_TAG)
    entity.entity.tag.name, entity.entity.tag.fully_qualified_name, entity.entity.tag.deleted = (
        "Gold",
        "Tier.Gold",
        True,
    )
    assert [line.plain for line in result_lines(entity, None)] == ["Tier.Gold  tag  deleted"]


def facet(kind: str, *values: tuple[str, int], others: int = 0) -> search_pb2.FacetCounts:
    counts = search_pb2.FacetCounts(facet=search_pb2.Facet.Value(f"FACET_{kind}"), other_count=others)
    for value, count in values:
        counts.values.add(value=value, count=count, display_name="Amira Haddad" if "amira" in value else "")
    return counts


def test_counts_are_drawn_as_bars(streams: SmallStreams, run: Run) -> None:
    response = search_pb2.SearchResponse(
        total=1_200,
        facets=[
            facet("KIND", ("KIND_CHART", 1_199), ("KIND_DASHBOARD", 1)),
            facet("SERVICE", ("superset", 800), ("looker", 400)),
            facet("OWNER", ("user:amira", 40), others=20),
            facet("TAG"),
            facet("MISSING", ("MISSING_OWNERS", 600)),
        ],
    )
    streams.pages = [response]
    shown = run("stats", "--service-type", "Looker", "--top", "5")
    assert shown.exit_code == 0
    assert shown.stdout.splitlines() == [
        "1,199 charts, 1 dashboard",
        "",
        "by service",
        f"superset  {'█' * 40}  800",
        f"looker    {'█' * 20}{' ' * 20}  400",
        "",
        "by owner",
        f"user:amira (Amira Haddad)  {'█' * 40}  40",
        f"(others)                   {'█' * 20}{' ' * 20}  20",
        "",
        "what is missing",
        f"no owners  {'█' * 20}{' ' * 20}  600  50%",
    ]
    asked = streams.requests[0]
    assert asked.kinds == [entity_pb2.KIND_DASHBOARD, entity_pb2.KIND_CHART]
    assert (asked.service_type, asked.facet_size) == ("Looker", 5)
    lines = run("stats", "--json").stdout.splitlines()
    assert [json.loads(line)["facet"] for line in lines] == [
        f"FACET_{name}" for name in ("KIND", "SERVICE", "OWNER", "TAG", "MISSING")
    ]
    # What is missing is shown whole.
    few = run("stats", "--top", "1", "--json").stdout.splitlines()
    assert streams.requests[-1].facet_size == 4
    assert json.loads(few[1])["otherCount"] == "400"
    assert len(json.loads(few[4])["values"]) == 1
    assert run("stats", "--kind", "user").stderr == "Error: --kind is dashboard or chart here, not user\n"


def test_bars_fit_the_width() -> None:
    bars = [Bar("a" * 50, 1_000, "100%"), Bar("図表", 1, "0%"), Bar("none", 0, "0%")]
    for width in (120, 80, 50, 30):
        lines = list(bar_lines(bars, 1_000, width, blocks=True))
        assert [line.cell_len for line in lines] == [lines[0].cell_len] * 3
        assert lines[0].cell_len <= max(width, 35)
        assert lines[0].plain.endswith("  1,000  100%")
        # Something is never nothing, and nothing is never something.
        assert ["▏" in line.plain for line in lines] == [False, True, False]
    assert "##" in next(bar_lines(bars, 1_000, 80, blocks=False)).plain
    assert list(bar_lines([], 0, 80, blocks=True)) == []
