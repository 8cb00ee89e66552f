"""Calls a running server as its users do: through generated stubs on a real port, in the JSON form of the messages."""

import re
from collections.abc import AsyncIterator, Iterable, Mapping
from types import TracebackType
from typing import Any, Self

import grpc
import grpc.aio
from google.protobuf import json_format
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from dashboard_catalog.auth.issuing import issue_token
from dashboard_catalog.auth.signing_key import SigningKey
from dashboard_catalog.index.searching import SearchIndex
from dashboard_catalog.store.database import Database
from dashboardcatalog.v1 import (
    bulk_pb2,
    catalog_service_pb2,
    catalog_service_pb2_grpc,
    chart_service_pb2,
    chart_service_pb2_grpc,
    dashboard_service_pb2,
    dashboard_service_pb2_grpc,
)
from tests.patience import PATIENCE

Json = dict[str, Any]

_SERVICES = {
    "Dashboard": (dashboard_service_pb2, dashboard_service_pb2_grpc.DashboardServiceStub),
    "Chart": (chart_service_pb2, chart_service_pb2_grpc.ChartServiceStub),
    "Entit": (catalog_service_pb2, catalog_service_pb2_grpc.CatalogServiceStub),
}

SMALL_CATALOG: list[Json] = [
    {"biService": {"name": "superset", "serviceType": "Superset"}},
    {"biService": {"name": "looker", "serviceType": "Looker"}},
    {"user": {"name": "ann"}},
    {"user": {"name": "bob"}},
    {"team": {"name": "sales"}},
    {"team": {"name": "emea", "teamType": "Department"}},
    {"domain": {"name": "finance"}},
    {"domain": {"name": "tax", "parent": "finance"}},
    {"classification": {"name": "PII"}},
    {"tag": {"name": "Email", "classification": "PII"}},
    {"tag": {"name": "Phone", "classification": "PII"}},
    {"classification": {"name": "Tier", "mutuallyExclusive": True}},
    {"tag": {"name": "Gold", "classification": "Tier"}},
    {"tag": {"name": "Silver", "classification": "Tier"}},
    {"customProperty": {"name": "costCentre", "appliesTo": "dashboard", "propertyType": "string"}},
    {"customProperty": {"name": "budget", "appliesTo": "dashboard", "propertyType": "integer"}},
]


class Refused(Exception):
    """A call that ended with an error, with everything in its status."""

    def __init__(self, error: grpc.aio.AioRpcError) -> None:
        super().__init__(f"{error.code().name}: {error.details()}")
        self.code = error.code().name
        self.message = error.details() or ""
        self.status = rpc_status.from_call(error) or status_pb2.Status()  # type: ignore[arg-type]
        self.details = details_of(self.status)

    @property
    def reason(self) -> str:
        """The reason of its `ErrorInfo`."""
        return str(self.details["ErrorInfo"]["reason"])

    @property
    def metadata(self) -> Json:
        """The metadata of its `ErrorInfo`."""
        return dict(self.details["ErrorInfo"].get("metadata", {}))

    @property
    def violations(self) -> dict[str, str]:
        """The refused fields, with the reason for each."""
        return violations_in(self.details)


def details_of(status: status_pb2.Status) -> dict[str, Json]:
    """Returns the details of a status in JSON form, by the name of their message."""
    found: dict[str, Json] = {}
    for packed in status.details:
        message: Message = getattr(error_details_pb2, packed.TypeName().rpartition(".")[2])()
        packed.Unpack(message)
        found[message.DESCRIPTOR.name] = json_format.MessageToDict(message)
    return found


def violations_in(details: Mapping[str, Json]) -> dict[str, str]:
    """Returns the refused fields in the details of a status, with the reason for each."""
    return {each["field"]: each["reason"] for each in details.get("BadRequest", {}).get("fieldViolations", [])}


class Caller:
    """One caller.

    Every RPC is a method: `await caller.upsert_dashboard(dashboard={...})` takes the fields of the request in JSON form
    (snake_case for its own fields) and returns the response in JSON form, or raises `Refused`.
    """

    def __init__(self, channel: grpc.aio.Channel, token: str | None) -> None:
        self.metadata = [("authorization", f"Bearer {token}")] if token else []
        self._stubs = {key: stub(channel) for key, (_, stub) in _SERVICES.items()}

    def __getattr__(self, name: str) -> Any:
        rpc = "".join(part.capitalize() for part in name.split("_"))
        noun = re.sub("^(Create|Upsert|Get|List|Update|Delete|Restore|Compare|Revert|Rename)", "", rpc)
        key = next((key for key in _SERVICES if noun.startswith(key)), "Entit")

        async def call(**request: Any) -> Json:
            message = json_format.ParseDict(request, _request(key, rpc))
            try:
                answer = await getattr(self._stubs[key], rpc)(message, metadata=self.metadata, timeout=PATIENCE)
            except grpc.aio.AioRpcError as error:
                raise Refused(error) from None
            return json_format.MessageToDict(answer)

        return call

    async def stream(self, rpc: str, **request: Any) -> list[Json]:
        """Calls a method of CatalogService that streams, and returns its responses in JSON form.

        Raises:
            Refused: If the call ends with an error.
        """
        call = getattr(self._stubs["Entit"], rpc)
        message = json_format.ParseDict(request, _request("Entit", rpc))
        try:
            responses = call(message, metadata=self.metadata, timeout=PATIENCE)
            return [json_format.MessageToDict(response) async for response in responses]
        except grpc.aio.AioRpcError as error:
            raise Refused(error) from None

    async def bulk(
        self, *chunks: Iterable[Json] | Json, options: Json | None = None, finish: Json | None = None
    ) -> "Bulk":
        """Sends chunks through BulkUpsert and returns all responses.

        Args:
            chunks: Each is a list of items or a whole request in JSON form.
            options: Options of the first message.
            finish: Sent in a separate message at the end.
        """
        requests: list[Json] = [chunk if isinstance(chunk, dict) else {"items": list(chunk)} for chunk in chunks]
        if options is not None:
            requests = [{**requests[0], "options": options}, *requests[1:]]
        if finish is not None:
            requests.append({"finish": finish})
        return await self.bulk_requests(
            [json_format.ParseDict(request, bulk_pb2.BulkUpsertRequest()) for request in requests]
        )

    async def bulk_requests(self, requests: Iterable[bulk_pb2.BulkUpsertRequest]) -> "Bulk":
        """Sends requests through BulkUpsert, reads concurrently, and returns all responses."""

        async def sent() -> AsyncIterator[bulk_pb2.BulkUpsertRequest]:
            for request in requests:
                yield request

        bulk = Bulk()
        call = self._stubs["Dashboard"].BulkUpsert(sent(), metadata=self.metadata, timeout=PATIENCE)
        try:
            async for response in call:
                bulk.add(json_format.MessageToDict(response), response)
        except grpc.aio.AioRpcError as error:
            bulk.refused = Refused(error)
        return bulk

    async def add_small_catalog(self) -> None:
        """Adds `SMALL_CATALOG`, and the charts c1 to c3 of superset and c1 of looker."""
        charts = [("superset", "c1"), ("superset", "c2"), ("superset", "c3"), ("looker", "c1")]
        added = await self.bulk(
            [{"entity": entity} for entity in SMALL_CATALOG],
            [{"chart": {"name": name, "service": service}} for service, name in charts],
        )
        assert not added.failures, added.failures


def _request(key: str, rpc: str) -> Message:
    """Returns an empty request of a method."""
    (service,) = _SERVICES[key][0].DESCRIPTOR.services_by_name.values()
    empty: Message = GetMessageClass(service.methods_by_name[rpc].input_type)()
    return empty


class Bulk:
    """The responses of a stream."""

    def __init__(self) -> None:
        self.started: Json = {}
        self.summary: Json = {}
        self.offsets: list[int] = []
        self.results: list[Json] = []
        self.statuses: dict[int, status_pb2.Status] = {}
        self.refused: Refused | None = None

    def add(self, response: Json, message: bulk_pb2.BulkUpsertResponse) -> None:
        """Adds one response."""
        self.started = response.get("started", self.started)
        self.summary = response.get("summary", self.summary)
        if progress := response.get("progress"):
            self.offsets.append(int(progress.get("nextOffset", 0)))
            self.results += progress.get("results", [])
            self.statuses |= {result.offset: result.status for result in message.progress.results}

    @property
    def counts(self) -> dict[str, int]:
        """The items of the summary by outcome, without counts of zero."""
        others = ("sweep", "failuresNotKept", "createdReferences")
        return {name: int(count) for name, count in self.summary.items() if name not in others}

    @property
    def failures(self) -> dict[int, dict[str, str]]:
        """The refused fields of each failed item, by offset. Other failures have their reason under ''."""
        found = {}
        for result in self.results:
            if result["outcome"] == "OUTCOME_FAILED":
                offset = int(result.get("offset", 0))
                details = details_of(self.statuses[offset])
                found[offset] = violations_in(details) or {"": details["ErrorInfo"]["reason"]}
        return found

    def outcome(self, offset: int) -> str:
        """Returns the outcome of an item."""
        found = next(result for result in self.results if int(result.get("offset", 0)) == offset)
        return str(found["outcome"]).removeprefix("OUTCOME_")


class Service:
    """A running server.

    Attributes:
        address: Where it listens.
        database: Its database, for tests that count rows.
        index: Its search index, which only the fixture `indexed` writes.
    """

    def __init__(self, address: str, key: SigningKey, database: Database, index: SearchIndex) -> None:
        self.index = index
        self.address = address
        self.key = key
        self.database = database
        self._channel = grpc.aio.insecure_channel(address)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._channel.close()

    def caller(
        self, subject: str, *roles: str, teams: Iterable[str] = (), services: Iterable[str] = (), bot: bool = False
    ) -> Caller:
        """Returns a caller with its own token."""
        return Caller(self._channel, self.token(subject, *roles, teams=teams, services=services, bot=bot))

    def token(
        self, subject: str, *roles: str, teams: Iterable[str] = (), services: Iterable[str] = (), bot: bool = False
    ) -> str:
        """Returns a token."""
        return issue_token(self.key, subject, roles, teams=tuple(teams), services=tuple(services), bot=bot)

    def stranger(self) -> Caller:
        """Returns a caller without a token."""
        return Caller(self._channel, None)
