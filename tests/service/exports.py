"""Exports a catalog and imports it into another one, through the RPCs."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import grpc.aio
from google.protobuf import json_format

from dashboardcatalog.v1 import bulk_pb2, export_pb2
from tests.patience import PATIENCE
from tests.service.caller import Bulk, Caller, Json, Refused

Item = bulk_pb2.BulkUpsertItem


class Exported(NamedTuple):
    """What one call of ExportCatalog has delivered."""

    items: list[Item]
    tokens: list[str]
    watch_token: str


async def export(caller: Caller, *, messages: int | None = None, **request: Any) -> Exported:
    """Returns what an export delivers, or its first messages only.

    Raises:
        Refused: If it ends with an error.
    """
    sent = json_format.ParseDict(request, export_pb2.ExportCatalogRequest())
    call = caller._stubs["Entit"].ExportCatalog(sent, metadata=caller.metadata, timeout=PATIENCE)
    exported = Exported([], [], "")
    try:
        while (message := await call.read()) is not grpc.aio.EOF and len(exported.tokens) != messages:
            exported.items.extend(message.items)
            exported.tokens.append(message.resume_token)
            if message.watch_token:
                exported = exported._replace(watch_token=message.watch_token)
    except grpc.aio.AioRpcError as error:
        raise Refused(error) from None
    finally:
        call.cancel()
    return exported


async def import_(caller: Caller, items: Iterable[Item], **options: Any) -> Bulk:
    """Imports items in one message."""
    request = bulk_pb2.BulkUpsertRequest(items=items)
    json_format.ParseDict({"preserve": True, **options}, request.options)
    return await caller.bulk_requests([request])


def comparable(items: Iterable[Item]) -> list[bytes]:
    """Returns items as bytes that are equal for equal items, in one order."""
    return sorted(item.SerializeToString(deterministic=True) for item in items)


def named(items: Iterable[Item]) -> list[str]:
    """Returns the kind and the name of each item."""
    found = []
    for item in items:
        kind = item.WhichOneof("item") or ""
        one = getattr(item, kind)
        if kind == "entity":
            kind = one.WhichOneof("entity")
            one = getattr(one, kind)
        found.append(f"{kind} {one.name}")
    return found


def as_json(item: Item) -> Json:
    """Returns an item in its JSON form."""
    return json_format.MessageToDict(item)


def as_item(value: Json) -> Item:
    """Returns an item from its JSON form."""
    return json_format.ParseDict(value, Item())
