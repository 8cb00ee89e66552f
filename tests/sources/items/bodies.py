"""Converts bodies for the tests of messages."""

from typing import Any

from google.protobuf import json_format

from dashboard_catalog.sources.items.messages import convert
from dashboard_catalog.sources.kinds import Kind

NAMED = {"name": "n", "service": "s"}


def converted(body: dict[str, Any], kind: Kind = Kind.DASHBOARD) -> dict[str, Any]:
    result = convert(kind, body)
    assert result.problems == []
    message = json_format.MessageToDict(result.item)
    inner: dict[str, Any] = message[kind] if kind.is_asset else message["entity"]
    return inner


def problems(body: dict[str, Any], kind: Kind = Kind.DASHBOARD) -> list[str]:
    return [str(problem) for problem in convert(kind, body).problems]
