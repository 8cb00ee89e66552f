"""Requests of HTTP, as bytes: valid ones that have been changed, in their path, query, headers or body, or anywhere."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import quote

from tests.fuzz.values import integer, number, text

Json = Any

_REFERENCE = {"id": "00000000-0000-0000-0000-000000000000", "type": "user", "name": "ann"}
_TAG = {"tagFQN": "PII.Email", "source": "Classification", "labelType": "Manual", "state": "Confirmed"}
_CHART: Json = {
    "name": "c1",
    "service": "superset",
    "displayName": "C",
    "chartType": "Line",
    "description": "d",
    "sourceUrl": "https://a.example/1",
    "tags": [_TAG],
    "owners": [_REFERENCE],
    "sourceHash": "1",
}
_DASHBOARD: Json = _CHART | {
    "name": "d1",
    "charts": ["superset.c1"],
    "domains": ["finance"],
    "project": "p",
    "dashboardType": "Report",
    "extension": {"costCentre": "7"},
    "lifeCycle": {"created": {}},
    "dataProducts": [],
}
_STALE = {"scopeFqn": "superset", "scopeEntityType": "service", "seenFqns": ["superset.d1"], "recursive": True}
_NAMED = {"name": "n", "description": "d", "displayName": "N", "owners": [_REFERENCE]}
_MODEL = {"name": "m", "service": "superset", "dataModelType": "SupersetDataModel", "columns": [{"name": "a"}]}
_PIPELINE = {"name": "p", "pipelineType": "metadata", "sourceConfig": {}, "airflowConfig": {}, "service": _REFERENCE}
_EDGE = {"edge": {"fromEntity": _REFERENCE, "toEntity": _REFERENCE, "lineageDetails": {"source": "Manual"}}}
_BODIES: Sequence[Json] = (
    *(
        _CHART,
        _DASHBOARD,
        [_CHART],
        [_DASHBOARD, _DASHBOARD],
        _STALE,
        {"id": _REFERENCE["id"]},
        _EDGE,
        _MODEL,
        [_MODEL],
    ),
    _NAMED | {"serviceType": "Superset", "connection": {"config": {"password": "open sesame"}}},
    _NAMED | {"email": "a@b.example", "isBot": False},
    _NAMED | {"teamType": "Group", "parents": [], "domainType": "Aggregate", "classification": "PII"},
    {
        "name": "costCentre",
        "description": "",
        "propertyType": {"id": _REFERENCE["id"], "type": "type", "name": "string"},
    },
    *(_PIPELINE, {"runId": "1", "pipelineState": "running", "timestamp": 1}, {"date": "2026-01-01", "count": 3}),
)
_PATHS_OF_PATCHES = (
    *("/description", "/displayName", "/tags", "/tags/0", "/tags/-", "/tags/0/tagFQN", "/owners", "/owners/0/id"),
    *("/charts/0", "/domains/0/id", "/extension/costCentre", "/extension", "", "/", "/id", "/version", "/nothing"),
    *("/tags/99", "/tags/-1", "/tags/01", "/~", "/~2", "/a~1b", "name", "/service/name", "/customProperties/-"),
)
_QUERY = (
    *("fields", "include", "limit", "after", "before", "service", "hardDelete", "recursive", "async", "q", "from"),
    *("size", "index", "fieldName", "fieldValue", "overrideMetadata", "deleted"),
)
_QUERY_VALUES = (
    *(
        "*",
        "owners,charts",
        "all",
        "deleted",
        "non-deleted",
        "1",
        "0",
        "-1",
        "1000001",
        "true",
        "TRUE",
        "yes",
        "superset",
    ),
    *("email.keyword:a@b.example", "user_search_index", "team_search_index", "9" * 5_000, "1e3", "%", "%zz", "a=b"),
)
_STRANGE_BODIES = (
    *(b"", b"{", b"[", b"null", b"true", b"1", b'""', b"{}", b"[]", b"[[]]", b"[null]", b"[{}]", b"\xff\xfe{}", b"NaN"),
    *(b'{"a":1,"a":2}', b'{"name":"\\ud800"}', b'{"name":"\xed\xa0\x80"}', b'{"name":"\\u0000"}', b"\xef\xbb\xbf{}"),
    *(
        b"[" * 200_000,
        b'{"a":' * 50_000,
        b"[" * 90 + b"]" * 90,
        b"[" + b"9" * 5_000 + b"]",
        b'{"extension":{"a":1e999}}',
    ),
    *(b"name: yaml", b"<a/>", b"\x00", b"{}{}", b'{"name":NaN}', b'{"name":-Infinity}', b"\x1f\x8b\x08"),
)
_HEADERS = (
    *(b"if-match: *", b'if-match: "x"', b"if-match: W/", b"if-match:", b'if-match: "\xff"', b"accept: text/html"),
    *(
        b"content-type: text/plain",
        b"content-type: application/json; charset=utf-16",
        b"content-type:",
        b"range: bytes=0-1",
    ),
    *(
        b"content-encoding: gzip",
        b"expect: 100-continue",
        b"upgrade: h2c\r\nconnection: upgrade",
        b"x-request-id: \xff",
    ),
    *(b"x-request-id: a\r\nx-request-id: b", b"cookie: a=b", b"origin: http://a", b"x-forwarded-for: 1.2.3.4"),
    *(b"x-http-method-override: DELETE", b"te: trailers", b"authorization: Basic YTpi", b"x: " + b"y" * 60_000),
)
_STRANGE_HEADERS = (
    *(b"no colon", b": no name", b"a b: c", b"x: a\x00b", b" folded", b"content-length: -1", b"content-length: 1, 2"),
    *(
        b"transfer-encoding: gzip",
        b"transfer-encoding: chunked, chunked",
        b"host: a\r\nhost: b",
        b"x: \n\n",
        b"\xff: a",
    ),
    *(b"content-length: 3\r\ncontent-length: 4", b"content-length: 9999999999", b"x: " + b"y" * 300_000),
)
_STRANGE_PATHS = (
    *("", "/", "//", "/%00", "/%2e%2e/", "/..;/", "/%ff", "/%", "/\\", "/api", "/api/v1", "/api/v1/", "*", "/docs/"),
    *("/api/v1/dashboards/name/", "/api/v1/dashboards//", "/api/v1/%64ashboards", "/API/V1/dashboards", "/healthz/x"),
    *("http://a/healthz", "/api/v1/dashboards/name/" + "a" * 30_000, "/api/v1/dashboards/" + "%2F" * 500, "/?", "/#a"),
    "/" + "a/" * 5_000,
)
_SHORT = 5_000
_METHODS = ("GET", "PUT", "POST", "PATCH", "DELETE")
_OTHER_METHODS = ("HEAD", "OPTIONS", "TRACE", "CONNECT", "get", "BREW", "G:T", "")


@dataclass(frozen=True, slots=True)
class Sent:
    """A request.

    Attributes:
        method: Its method.
        target: Its path, with the query, as sent.
        content: All of it, as bytes.
        route: The path of the route that it was made for.
    """

    method: str
    target: str
    content: bytes
    route: str


def request_of(rng: Random, routes: Sequence[tuple[str, str]], tokens: Mapping[str, Any], seen: Sequence[str]) -> Sent:
    """Returns a request.

    Args:
        routes: Methods and paths, with `{name}` for parameters.
        tokens: Headers of callers, of which that of `admin` is used mostly.
        seen: Ids, names and etags that answers have had.
    """
    method, route = rng.choice(routes)
    if rng.random() < 0.1:
        method = rng.choice(_OTHER_METHODS if rng.random() < 0.5 else _METHODS)
    target = rng.choice(_STRANGE_PATHS) if rng.random() < 0.07 else _target(rng, route, seen)
    caller = "admin" if rng.random() < 0.8 else rng.choice(list(tokens))
    headers = [f"{name}: {value}".encode() for name, value in tokens[caller]]
    if rng.random() < 0.3:
        headers.append(rng.choice(_HEADERS))
    if rng.random() < 0.05:
        headers.insert(0, rng.choice(_STRANGE_HEADERS))
    if seen and rng.random() < 0.1:
        headers.append(b"if-match: " + rng.choice(seen).encode("utf-8", "replace").replace(b"\n", b" "))
    body = _body(rng, method, seen) if method in {"PUT", "POST", "PATCH"} or rng.random() < 0.2 else None
    framing, framed = _framed(rng, body)
    head = [
        f"{method} {target} HTTP/1.1".encode("utf-8", "replace"),
        b"host: a",
        b"connection: close",
        *headers,
        *framing,
    ]
    return Sent(method, target, _spoilt(rng, b"\r\n".join(head) + b"\r\n\r\n" + framed), route)


def _target(rng: Random, route: str, seen: Sequence[str]) -> str:
    path = route
    while "{" in path:
        before, _, rest = path.partition("{")
        path = before + _part(rng, seen) + rest.partition("}")[2]
    if rng.random() < 0.05:
        path += rng.choice(("/", "/x", "%2F", "//", "&include=all", ";a=b", "%00", "?"))
    pairs = [f"{rng.choice(_QUERY)}={_query_value(rng, seen)}" for _ in range(rng.choice((0, 0, 0, 1, 2, 4)))]
    return "?".join([path, "&".join(pairs)]) if pairs else path


def _query_value(rng: Random, seen: Sequence[str]) -> str:
    return rng.choice(_QUERY_VALUES) if rng.random() < 0.7 else quote(text(rng, list(seen))[:300])


def _part(rng: Random, seen: Sequence[str]) -> str:
    if seen and rng.random() < 0.6:
        return quote(rng.choice(seen), safe="")
    if rng.random() < 0.5:
        return rng.choice(
            ("superset.d1", "superset.c1", "superset", "ann", "PII", "PII.Email", "finance", "0.1", "dashboard")
        )
    found = text(rng, list(seen))[:2_000]
    return quote(found, safe="/" if rng.random() < 0.3 else "")


def _body(rng: Random, method: str, seen: Sequence[str]) -> bytes:
    if rng.random() < 0.12:
        return rng.choice(_STRANGE_BODIES)
    value = _patch(rng, seen) if method == "PATCH" and rng.random() < 0.9 else rng.choice(_BODIES)
    for _ in range(rng.choice((0, 0, 1, 1, 2, 5))):
        value = _changed(rng, value, seen)
    content = json.dumps(value, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    if rng.random() < 0.05:
        place = rng.randint(0, len(content))
        content = content[:place] + rng.randbytes(rng.randint(0, 3)) + content[place + rng.randint(0, 3) :]
    return content


def _patch(rng: Random, seen: Sequence[str]) -> Json:
    def operation() -> Json:
        found: Json = {
            "op": rng.choice(("add", "replace", "remove", "test", "move", "copy")),
            "path": rng.choice(_PATHS_OF_PATCHES),
        }
        if rng.random() < 0.8:
            found["value"] = rng.choice((_TAG, _REFERENCE, [], [_TAG], "x", None, {}, 1, _value(rng, seen)))
        if rng.random() < 0.3:
            found["from"] = rng.choice(_PATHS_OF_PATCHES)
        return found

    return [operation() for _ in range(rng.choice((1, 1, 2, 5, 1_001)))]


def _changed(rng: Random, value: Json, seen: Sequence[str]) -> Json:
    """Returns a value with one of its parts replaced, removed or added."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        match rng.randrange(5):
            case 0:
                return {other: part for other, part in value.items() if other != key}
            case 1:
                return value | {text(rng, list(seen))[:50]: _value(rng, seen)}
            case _:
                return value | {key: _changed(rng, value[key], seen)}
    if isinstance(value, list) and value and rng.random() < 0.9:
        place = rng.randrange(len(value))
        if rng.random() < 0.1:
            return value * (rng.choice((0, 2, 300)) if len(str(value)) < _SHORT else 0)
        return [*value[:place], _changed(rng, value[place], seen), *value[place + 1 :]]
    return _value(rng, seen)


def _value(rng: Random, seen: Sequence[str]) -> Json:
    match rng.randrange(9):
        case 0:
            return rng.choice((None, True, False, [], {}, "", [None], {"": None}))
        case 1:
            return integer(rng, 65) * rng.choice((1, 1, 10**30))
        case 2:
            return number(rng)
        case 3:
            return rng.choice(_BODIES)
        case 4:
            return [_value(rng, seen) for _ in range(rng.randint(0, 3))]
        case 5:
            found: Json = "deep"
            for _ in range(rng.choice((3, 60, 120))):
                found = {"a": found} if rng.random() < 0.5 else [found]
            return found
        case _:
            return text(rng, list(seen)) if rng.random() < 0.1 else text(rng, list(seen))[:_SHORT]


def _framed(rng: Random, body: bytes | None) -> tuple[list[bytes], bytes]:
    """Returns the headers that say how long a body is, and the body."""
    if body is None:
        return [], b""
    if rng.random() < 0.1:
        pieces = _pieces(rng, body)
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece)
        return [b"transfer-encoding: chunked"], chunks + rng.choice(
            (b"0\r\n\r\n", b"0\r\n\r\n", b"zz\r\n", b"-1\r\n\r\n")
        )
    return [b"content-length: %d" % len(body)], body


def _pieces(rng: Random, body: bytes) -> Iterable[bytes]:
    place = rng.randint(0, len(body))
    return body[:place], body[place:]


def _spoilt(rng: Random, content: bytes) -> bytes:
    """Returns the bytes of a request, now and then with some of them changed in its head."""
    if rng.random() > 0.04:
        return content
    head, end, body = content.partition(b"\r\n\r\n")
    place = rng.randint(0, len(head))
    return head[:place] + rng.randbytes(rng.randint(1, 4)) + head[place + rng.randint(0, 4) :] + end + body
