"""docs/limits.md has the limits from the code and from the annotations of the contract."""

from inspect import signature

import pytest
from google.protobuf.message import Message

from buf.validate import validate_pb2
from dashboard_catalog.auth import claims, external_issuer, jwks_url, key_sets, verification
from dashboard_catalog.auth.issuing import LONGEST_LIFETIME
from dashboard_catalog.calls.answer_room import AnswerRoom
from dashboard_catalog.catalog.bulk import failures, retention
from dashboard_catalog.catalog.known.assumed import MAX_ASSUMED
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.kinds import MAX_LEVELS
from dashboard_catalog.catalog.properties import extension_rules, values
from dashboard_catalog.catalog.reading import page_sizes
from dashboard_catalog.catalog.reading.feed.positions import MAX_TOKEN_CHARACTERS
from dashboard_catalog.catalog.reading.room import MAX_ANSWER_BYTES, SMALL_ANSWER_BYTES
from dashboard_catalog.catalog.reading.search import matching, snippets
from dashboard_catalog.catalog.reading.search import request as search
from dashboard_catalog.catalog.writing import merge
from dashboard_catalog.cli.ingest.ingest_options import MAX_DELETED_PERCENT, IngestOptions
from dashboard_catalog.contract import fitting, limits, preserved, status_details
from dashboard_catalog.contract.bulk_options import DEFAULT_MAX_DELETED_PERCENT
from dashboard_catalog.contract.bulk_responses import LIMITS
from dashboard_catalog.contract.kinds import WRITTEN
from dashboard_catalog.contract.watch_messages import MESSAGE_BYTES, MESSAGE_CHANGES
from dashboard_catalog.http import scraping
from dashboard_catalog.http.dialect import strict_json
from dashboard_catalog.http.edge import bodies, connections, edge, listening
from dashboard_catalog.http.patching import json_patch
from dashboard_catalog.index import fields, hits
from dashboard_catalog.rpc import transport
from dashboard_catalog.rpc.edge.edge import DEFAULTS
from dashboard_catalog.settings import Settings
from dashboard_catalog.sources.files import json_values, trees
from dashboard_catalog_client import chunks
from dashboardcatalog.v1 import (
    asset_pb2,
    bulk_pb2,
    chart_pb2,
    dashboard_pb2,
    dashboard_service_pb2,
    entity_pb2,
    search_pb2,
    watch_pb2,
)
from tests.docs.conftest import ROOT

DASHBOARD, CHART = dashboard_pb2.DashboardSpec, chart_pb2.ChartSpec
GET = dashboard_service_pb2.GetDashboardRequest
CONCURRENT_CALLS = Settings.model_fields["max_concurrent_calls"].default


def rules_of(message: type[Message], field: str) -> validate_pb2.FieldRules:
    return message.DESCRIPTOR.fields_by_name[field].GetOptions().Extensions[validate_pb2.field]


def characters(message: type[Message], field: str) -> str:
    return f"{rules_of(message, field).string.max_len:,} characters"


def elements(message: type[Message], field: str) -> str:
    return f"{rules_of(message, field).repeated.max_items:,}"


def size(number: int) -> str:
    unit, name = (2**20, "MiB") if number >= 2**20 else (2**10, "KiB")
    assert number % unit == 0
    return f"{number // unit} {name}"


ROWS = {
    "a request, or a message of a stream": size(limits.MAX_MESSAGE_BYTES),
    "items in a message of `BulkUpsert`": f"{LIMITS.max_message_items:,}",
    "an item of `BulkUpsert`": f"{size(LIMITS.max_item_bytes)}; with `preserve` as large as the message",
    "items in a `PUT bulk` over HTTP": f"{LIMITS.max_message_items:,}, each as in `BulkUpsert`",
    "failed items before a stream ends": f"{limits.MAX_FAILURES:,}",
    "how long a bulk session can be resumed, and keeps its failures, after its last chunk": "7 days",
    "how long a bulk session is listed, and can be reverted, after its last chunk": "90 days",
    "failed items that a session keeps": f"{size(failures.MAX_SESSION_BYTES)}, and {size(failures.MAX_CALLER_BYTES)} in"
    " all sessions of a caller",
    "names that a stream with `validate_only` counts as existing": f"{MAX_ASSUMED:,}",
    "size of a page, which ends early when it is reached": size(MAX_ANSWER_BYTES),
    "an asset in a response": size(limits.MAX_ASSET_BYTES),
    "`kept_fields`, `left_out`": size(limits.MAX_KEPT_BYTES),
    "results in a progress message": size(limits.MAX_PROGRESS_BYTES),
    "results in a page": f"{page_sizes.MAX_PAGE_SIZE:,}, {page_sizes.DEFAULT_PAGE_SIZE} by default",
    "a search query": characters(search_pb2.SearchRequest, "query"),
    "results in a page of a search": f"{search.MAX_RESULTS}, {search.DEFAULT_RESULTS} by default",
    "results on all pages of a search": f"{hits.MAX_HITS:,}",
    "values of a facet": f"{search.MAX_VALUES}, {search.DEFAULT_VALUES} by default",
    "part of a description that is searched": f"{fields.MAX_DESCRIPTION:,} characters",
    "length of a snippet": f"{snippets.MAX_SNIPPET} characters",
    "words of a query that may have typos": f"{matching.MAX_WORDS_WITH_TYPOS}",
    "the status of an error with its details": size(limits.MAX_STATUS_BYTES),
    "operations in a JSON Patch": f"{json_patch.MAX_OPERATIONS:,} with paths of up to"
    f" {json_patch.MAX_PATH_CHARACTERS:,} characters, which copy at most {size(json_patch.MAX_COPIED_BYTES)}"
    " within the document",
    "versions of an asset in one answer over HTTP": f"the newest {page_sizes.MAX_PAGE_SIZE:,}, as far as they fit into"
    f" {size(MAX_ANSWER_BYTES)}",
    "concurrent calls": f"{CONCURRENT_CALLS:,} per process (`MAX_CONCURRENT_CALLS`)",
    "concurrent calls of one subject": "half of that, and a quarter as streams",
    "concurrent watchers, which do not count as calls": f"{DEFAULTS.watchers:,} per process",
    "concurrent watchers of one subject": "half of that",
    "BI services that a watcher names": elements(watch_pb2.WatchChangesRequest, "services"),
    "a resume token": f"{size(MAX_TOKEN_CHARACTERS)}: the positions in about 23,000 BI services",
    "a message of changes, unless one change is larger": f"{size(MESSAGE_BYTES)}, {MESSAGE_CHANGES} changes",
    "concurrent streams without a token": "{} per process, {} per connection".format(*DEFAULTS.open_streams),
    "calls without a token whose message has not arrived": f"{DEFAULTS.open_reads} per process",
    "concurrent streams of a connection": f"{transport.MAX_CONNECTION_STREAMS}; clients queue further calls",
    "time for a request to arrive, also the first of a stream": f"{DEFAULTS.patience.first:.0f} s",
    "time that a stream may do nothing": f"{DEFAULTS.patience.next:.0f} s",
    "time for the handshake of a connection": f"{transport.HANDSHAKE_SECONDS} s",
    "time that a connection may have no call": f"{transport.IDLE_CONNECTION_SECONDS // 60} min; "
    f"HTTP: {listening.IDLE_SECONDS} s",
    "HTTP: a body": f"{bodies.MAX_BODY_BYTES // 2**20} MiB,"
    f" {strict_json.MAX_DEPTH} objects and lists inside each other, {strict_json.MAX_STRUCTURES:,} in all,"
    f" {strict_json.MAX_KEYS:,} keys in each object",
    "HTTP: the headers of a request": f"{listening.MAX_HEADER_BYTES // 2**10} KiB",
    "HTTP: connections": f"{connections.MAX_CONNECTIONS:,} per process,"
    " and at most half of its open files (`ulimit -n`)",
    "`METRICS_ADDRESS`: connections": f"{scraping.MAX_CONNECTIONS:,} per process",
    "HTTP: time for the headers of a request to arrive": f"{connections.HEADER_SECONDS:g} s",
    f"HTTP: time that a client may take to read the next {edge.PIECE_BYTES // 2**10} KiB of an answer": (
        f"{edge.CLIENT_SECONDS:g} s"
    ),
    "a name": characters(DASHBOARD, "name"),
    "a fully qualified name": f"{names.MAX_FQN_BYTES:,} bytes",
    "display name": characters(DASHBOARD, "display_name"),
    "description": characters(DASHBOARD, "description"),
    "project": f"{characters(DASHBOARD, 'project')}, {rules_of(DASHBOARD, 'project').string.max_bytes:,} bytes",
    "source URL": characters(DASHBOARD, "source_url"),
    "source hash": characters(DASHBOARD, "source_hash"),
    "chart type": characters(CHART, "chart_type"),
    "service type of a BI service": characters(entity_pb2.BiService, "service_type"),
    "email": characters(entity_pb2.User, "email"),
    "charts of a dashboard": elements(DASHBOARD, "charts"),
    "owners": elements(DASHBOARD, "owners"),
    "tags": elements(DASHBOARD, "tags"),
    "parents of a team": elements(entity_pb2.Team, "parents"),
    "levels of domains, of teams, or of tags": f"{MAX_LEVELS}",
    "extension": f"{size(extension_rules.MAX_BYTES)} as compact JSON, {extension_rules.MAX_DEPTH} levels deep",
    "absolute value of a property of type `integer`": "2^53 - 1",
    "tags, or extension keys, in one release": elements(asset_pb2.Edited, "tags"),
    "an etag": characters(dashboard_service_pb2.UpdateDashboardRequest, "etag"),
    "a page token": characters(dashboard_service_pb2.ListDashboardsRequest, "page_token"),
    "time of a preserved item in the future, since clocks differ": f"{preserved.LEEWAY.seconds} s",
    "a token": f"{verification.LONGEST_TOKEN:,} characters",
    "lifetime of a token that the catalog issues": f"{LONGEST_LIFETIME.days:,} days",
    "clock difference for tokens of an identity provider": f"{external_issuer.EXTERNAL_LEEWAY:.0f} s",
    "a JWKS document": f"{size(key_sets.LARGEST_DOCUMENT)}, {key_sets.MOST_KEYS} keys, {jwks_url.FETCH_SECONDS:.0f} s",
    "files in a folder or archive that `ingest` reads": f"{trees.MAX_ENTRIES:,}, {trees.MAX_LEVELS} levels deep",
    "a file that `ingest` reads, and a line of NDJSON": size(min(trees.MAX_FILE_BYTES, json_values.MAX_BYTES)),
    "values in a line of NDJSON, or in other JSON": f"{json_values.MAX_VALUES:,}",
    "an archive that `ingest` reads, inflated": f"{trees.MAX_BYTES // 2**30} GiB",
}


def test_the_table_of_limits_matches_the_code() -> None:
    rows = [f"| {what} | {limit} |" for what, limit in ROWS.items()]
    assert "\n".join(["|---|---|", *rows, ""]) in ROOT.joinpath("docs/limits.md").read_text()


def test_numbers_spelled_out_in_the_table_match_the_code() -> None:
    assert retention.SESSION_LIFETIME.total_seconds() == LIMITS.session_seconds
    assert (retention.SESSION_LIFETIME.days, retention.RECORD_LIFETIME.days) == (7, 90)
    assert values.MAX_INTEGER == 2**53 - 1
    most = rules_of(bulk_pb2.BulkUpsertOptions, "max_failures").int32.lte
    assert most == limits.MAX_FAILURES == IngestOptions().max_failures
    assert elements(DASHBOARD, "tags") == f"{merge.MAX_TAGS}"
    assert elements(asset_pb2.Edited, "extension_keys") == elements(asset_pb2.Edited, "tags")


def test_large_answers_leave_out_parts_in_the_documented_order() -> None:
    text = ROOT.joinpath("docs/limits.md").read_text()
    steps = [f"{number}. `{path}`" for number, path in enumerate(fitting._PARTS, 1)]
    assert [text.index(step) for step in steps] == sorted(text.index(step) for step in steps)


def test_the_memory_for_large_answers_matches_the_code() -> None:
    room = {name: parameter.default for name, parameter in signature(AnswerRoom).parameters.items()}
    text = " ".join(ROOT.joinpath("docs/limits.md").read_text().split())
    assert f"share {size(room['total'])} of memory per process, of which one caller gets {size(room['share'])}" in text
    assert f"up to {size(SMALL_ANSWER_BYTES)} take nothing" in text
    assert f"up to {room['wait_seconds']:.0f} s" in text


def test_constants_of_the_rules_match_the_annotations() -> None:
    """The rules cannot read annotations, because they do not know the messages."""
    for message, field in ((DASHBOARD, "service"), (DASHBOARD, "domain"), (GET, "fully_qualified_name")):
        assert rules_of(message, field).string.max_bytes == names.MAX_FQN_BYTES
    assert rules_of(entity_pb2.User, "name").string.max_len == claims.LONGEST_NAME


def test_a_session_keeps_as_much_of_an_error_as_its_status_shows() -> None:
    """The rules cannot read these limits either."""
    assert failures._SHOWN_CHARACTERS == status_details._MESSAGE_BYTES
    assert failures._SHOWN_TEXT_BYTES == status_details._VALUE_BYTES
    assert failures._SHOWN_BYTES == limits.MAX_STATUS_BYTES


def test_constants_of_the_clients_match_the_limits_of_the_server() -> None:
    assert chunks.MAX_ITEMS == limits.MAX_MESSAGE_ITEMS
    assert chunks.MAX_ITEM_BYTES == limits.MAX_ITEM_BYTES
    assert chunks.MAX_BYTES < limits.MAX_MESSAGE_BYTES
    assert MAX_DELETED_PERCENT == DEFAULT_MAX_DELETED_PERCENT


@pytest.mark.parametrize("kind", WRITTEN)
def test_names_of_all_kinds_have_the_same_limit(kind: str) -> None:
    name = WRITTEN[kind].fields_by_name["name"]
    assert limits.rules_of(name).string.max_len == limits.MAX_NAME_CHARACTERS


def test_charts_have_the_limits_of_dashboards() -> None:
    for field in ("name", "display_name", "description", "source_url", "source_hash", "owners", "tags"):
        assert rules_of(CHART, field) == rules_of(DASHBOARD, field)
