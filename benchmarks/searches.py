"""What searches look like, and how long each takes."""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import grpc

from benchmarks import client
from benchmarks.client import Sent
from benchmarks.medians import percentiles
from dashboardcatalog.v1 import search_pb2

SEARCH = "/dashboardcatalog.v1.CatalogService/Search"
_FACETS = [search_pb2.FACET_KIND, search_pb2.FACET_SERVICE, search_pb2.FACET_OWNER, search_pb2.FACET_TAG]
# What people type: words that are common and rare, prefixes, phrases, fields, and misspelt words.
QUERIES = (
    *("", "sales", "revenue churn", "sales churn 12", "sal", "sales reg", "quarter", "churn by region"),
    *("energy margin", '"by product"', '"sales by churn"', "latency -budget", "-sales", "orders stock traffic"),
    *("traffic 4711", "owner:ann", "owner:zoe", "owner:ann sales", "tag:Tier.Gold", "tag:PII.Sensitive churn"),
    *("domain:finance", "domain:legal revenue", "service:superset-0", "service:superset-0 sales"),
    *("type:Looker orders", "kind:chart stock", "kind:dashboard margin budget", "revenu", "chrun", "laetncy ordres"),
)


def request(query: str, *, facets: bool) -> bytes:
    """Returns the request for the first page of a query."""
    return search_pb2.SearchRequest(query=query, facets=_FACETS if facets else []).SerializeToString()


class Searched(NamedTuple):
    """The measurements of a client that searched.

    Attributes:
        found: Number of results of the last query.
        each: Milliseconds of each search.
    """

    sent: Sent
    found: int
    each: Sequence[float]


def run(address: str, token: str, requests: Sequence[bytes]) -> Searched:
    """Searches, one request after the other, when the index has caught up."""
    with grpc.insecure_channel(address) as channel:
        call: Any = channel.unary_unary(SEARCH, response_deserializer=search_pb2.SearchResponse.FromString)
        headers = client.metadata(token)
        _wait_until_indexed(call, headers)
        began, cpu_began, each, found = time.perf_counter(), time.process_time(), [], 0
        for one in requests:
            sent = time.perf_counter()
            found = call(one, metadata=headers).total
            each.append((time.perf_counter() - sent) * 1e3)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu_began
        return Searched(Sent(seconds, cpu, {}), found, each)


def latency(each: Sequence[float]) -> str:
    """Returns the median and the 99th percentile of milliseconds, to print."""
    median, highest = percentiles(each)
    return f"p50 {median:.1f} ms, p99 {highest:.1f} ms"


def _wait_until_indexed(call: Any, headers: Sequence[tuple[str, str]]) -> None:
    while (response := call(b"", metadata=headers)).building or response.lag.ToNanoseconds():
        time.sleep(0.1)
