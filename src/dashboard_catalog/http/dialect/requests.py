"""Turns what is sent over HTTP into requests of the contract."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any, TypeVar

from fastapi import Request
from google.protobuf.message import Message

from dashboard_catalog.catalog.properties.extension_rules import check_size
from dashboard_catalog.contract.limits import MAX_ITEM_BYTES, rules_of
from dashboard_catalog.contract.request_checks import shape_violations
from dashboard_catalog.error_codes import Reason, ViolationReason
from dashboard_catalog.errors import CatalogError, Violation, invalid
from dashboard_catalog.http.dialect.strict_json import parsed
from dashboard_catalog.http.edge.calls import HttpCall
from dashboard_catalog.sources.items.messages import convert
from dashboard_catalog.sources.kinds import Kind
from dashboardcatalog.v1 import bulk_pb2, dashboard_pb2, entity_pb2
from dashboardcatalog.v1.dashboard_service_pb2 import UpsertDashboardRequest

M = TypeVar("M", bound=Message)

_SPEC = dashboard_pb2.DashboardSpec.DESCRIPTOR.fields_by_name
MAX_CHARTS = rules_of(_SPEC["charts"]).repeated.max_items
MAX_OWNERS = rules_of(_SPEC["owners"]).repeated.max_items
"""How many of them there may be; no more domains or parents either."""
MAX_ETAG = rules_of(UpsertDashboardRequest.DESCRIPTOR.fields_by_name["etag"]).string.max_len

# What takes long to convert if there is much of it. A longer list of each is refused by the contract as well.
_LISTS = ("charts", "domains", "owners", "parents", "tags")
# To parse a larger body takes so long that other calls must be served meanwhile.
_PARSED_AT_ONCE_BYTES = 64 * 2**10


def checked(request: M) -> M:
    """Returns a request whose shape is right.

    Raises:
        CatalogError: INVALID_ARGUMENT with everything that is wrong with it.
    """
    if violations := shape_violations(request):
        raise invalid(violations)
    return request


async def sent_json(request: Request) -> Any:
    """Returns the JSON value of the body of a request.

    Raises:
        CatalogError: MALFORMED_REQUEST.
    """
    body = await request.body()
    return parsed(body) if len(body) <= _PARSED_AT_ONCE_BYTES else await asyncio.to_thread(parsed, body)


async def sent_object(request: Request) -> dict[str, Any]:
    """Returns the body of a request, which must be an object.

    Raises:
        CatalogError: MALFORMED_REQUEST if it is not.
    """
    return as_object(await sent_json(request), "the body")


def as_object(value: Any, what: str) -> dict[str, Any]:
    """Returns a JSON value, which must be an object.

    Args:
        value: What was sent.
        what: What it is, for the message.

    Raises:
        CatalogError: MALFORMED_REQUEST if it is not.
    """
    if not isinstance(value, dict):
        raise CatalogError(Reason.MALFORMED_REQUEST, f"{what} must be a JSON object")
    return value


async def sent_list(request: Request, limit: int) -> list[Any]:
    """Returns the body of a request, which must be a list.

    Args:
        request: The request.
        limit: How many elements it may have.

    Raises:
        CatalogError: MALFORMED_REQUEST if it is not a list, INVALID_ARGUMENT if it is too long.
    """
    body = await sent_json(request)
    if not isinstance(body, list):
        raise CatalogError(Reason.MALFORMED_REQUEST, "the body must be a JSON list")
    if len(body) > limit:
        text = f"must be at most {limit} elements, has {len(body)}"
        raise invalid([Violation("the body", ViolationReason.TOO_MANY, text)])
    return body


def asset_spec(call: HttpCall, kind: str, body: dict[str, Any]) -> Any:
    """Returns the spec of a dashboard or a chart in a body of OpenMetadata. What the catalog does not keep is dropped.

    Args:
        call: Counts what is dropped.
        kind: Name of the kind.
        body: What was sent.

    Raises:
        CatalogError: INVALID_ARGUMENT with everything that cannot be read.
    """
    return getattr(_converted(call, kind, body), kind)


def entity_in(call: HttpCall, kind: str, body: dict[str, Any]) -> entity_pb2.Entity:
    """Returns the entity in a body of OpenMetadata, as `asset_spec` does the spec of an asset."""
    return _converted(call, kind, body).entity


def _converted(call: HttpCall, kind: str, body: dict[str, Any]) -> bulk_pb2.BulkUpsertItem:
    if violations := list(_too_large(kind, body)):
        raise invalid(violations)
    conversion = convert(Kind(kind), body)
    call.drop(conversion.dropped)
    if conversion.problems:
        raise invalid(
            [
                Violation(problem.field or kind, ViolationReason.INVALID_VALUE, problem.text)
                for problem in conversion.problems
            ]
        )
    return conversion.item


def _too_large(kind: str, body: dict[str, Any]) -> Iterator[Violation]:
    """Yields what would take long to convert, only to be refused afterwards."""
    for field in _LISTS:
        if isinstance(sent := body.get(field), list) and len(sent) > MAX_CHARTS:
            text = f"must be at most {MAX_CHARTS} elements, has {len(sent)}"
            yield Violation(f"{kind}.{field}", ViolationReason.TOO_MANY, text)
    if isinstance(sent := body.get("extension"), dict):
        yield from check_size(sent, f"{kind}.extension")
    if isinstance(sent := body.get("config"), dict) and (size := len(json.dumps(sent))) > MAX_ITEM_BYTES:
        text = f"must be at most {MAX_ITEM_BYTES} bytes of JSON, has {size}"
        yield Violation(f"{kind}.config", ViolationReason.TOO_LONG, text)


def expected_etag(request: Request) -> str:
    """Returns the etag in `If-Match`; empty if any will do.

    Raises:
        CatalogError: INVALID_ARGUMENT if it is too long to be one.
    """
    sent = request.headers.get("if-match", "*").strip()
    etag = "" if sent == "*" else sent.removeprefix("W/").strip('"')
    if len(etag) > MAX_ETAG:
        text = f"must be at most {MAX_ETAG} characters, has {len(etag):,}"
        raise invalid([Violation("If-Match", ViolationReason.TOO_LONG, text)])
    return etag
