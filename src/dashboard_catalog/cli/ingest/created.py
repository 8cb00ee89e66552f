"""Creates what the items of a load need and the server does not create by itself: BI services and domains.

It is written before the load, not in its stream: a load that is resumed must have the same items again.
"""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from dashboard_catalog.catalog.model.qualified_names import NameSyntaxError, join, quote, split
from dashboard_catalog.cli.calls import call_catalog, stored_entity
from dashboard_catalog.cli.connection import Connection
from dashboard_catalog.cli.endings import CommandError
from dashboard_catalog.sources.items.found import FoundItem
from dashboard_catalog.sources.items.item_files import ItemFile
from dashboard_catalog.sources.items.messages import convert
from dashboard_catalog.sources.kinds import Kind
from dashboardcatalog.v1 import entity_pb2

_UNKNOWN_TYPE = "CustomDashboard"
"""What OpenMetadata calls a BI tool that it does not know."""
_PARALLEL_CALLS = 16

Wanted = dict[tuple[Kind, str], entity_pb2.Entity]
"""What may have to be created, by kind and fully qualified name; parents before children."""


def wanted_by(files: Iterable[ItemFile], service_type: str | None) -> Wanted:
    """Returns the BI services and domains that the items of files refer to, but do not hold.

    Args:
        files: The files of a load.
        service_type: Type of a BI service whose items do not say it.
    """
    wanted: Wanted = {}
    held: set[tuple[Kind, str]] = set()
    for found in (found for file in files for found in file.items() if isinstance(found, FoundItem)):
        if found.kind.is_asset:
            _add(wanted, found, service_type)
        elif found.kind in {Kind.BI_SERVICE, Kind.DOMAIN}:
            held.add((found.kind, _name_of(found)))
    return {key: entity for key, entity in sorted(wanted.items()) if key not in held}


def service_named(name: str, body: Mapping[str, Any] | None, service_type: str | None) -> Wanted:
    """Returns the BI service that people named.

    Args:
        name: Its raw name.
        body: What the format says about it; None if it says nothing.
        service_type: Its type, if people said that.
    """
    described = {"name": name, "serviceType": service_type} if body is None else body
    return {(Kind.BI_SERVICE, quote(name)): convert(Kind.BI_SERVICE, described).item.entity}


def absent(connected: Connection, wanted: Wanted) -> Wanted:
    """Returns what does not exist. What is deleted exists, and so may what the caller may not view.

    Raises:
        grpc.RpcError: If the server cannot be asked.
    """
    with ThreadPoolExecutor(_PARALLEL_CALLS) as pool:
        there = list(pool.map(lambda key: _exists(connected, *key), wanted))
    return {key: entity for (key, entity), exists in zip(wanted.items(), there, strict=True) if not exists}


def create(connected: Connection, missing: Wanted) -> Iterator[str]:
    """Creates entities, and yields what each one is: `domain Sales`. Leaves out what the caller may not create.

    Raises:
        CommandError: If a BI service has no type.
        grpc.RpcError: If one cannot be created for another reason.
    """
    for (kind, fqn), entity in missing.items():
        check_type(fqn, entity)
        try:
            call_catalog(connected, "UpsertEntity", entity=entity)
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.PERMISSION_DENIED or kind is Kind.BI_SERVICE:
                raise
        else:
            yield f"{kind.replace('_', ' ')} {fqn}"


def check_type(fqn: str, entity: entity_pb2.Entity) -> None:
    """Raises a `CommandError` if an entity is a BI service without a type."""
    if entity.HasField("bi_service") and not entity.bi_service.service_type:
        raise CommandError(f"there is no BI service {fqn}: give --service-type TYPE, such as Superset, to create it")


def _add(wanted: Wanted, found: FoundItem, service_type: str | None) -> None:
    item = convert(found.kind, found.body).item
    spec = item.chart if found.kind is Kind.CHART else item.dashboard
    if len(path := _path(spec.service)) == 1:
        said = found.body.get("serviceType")
        typed = said if isinstance(said, str) and said else service_type or _UNKNOWN_TYPE
        service = entity_pb2.BiService(name=path[0], service_type=typed)
        wanted.setdefault((Kind.BI_SERVICE, join(*path)), entity_pb2.Entity(bi_service=service))
    path = _path(spec.domain)
    for level in range(1, len(path) + 1):
        domain = entity_pb2.Domain(name=path[level - 1], parent=join(*path[: level - 1]))
        wanted.setdefault((Kind.DOMAIN, join(*path[:level])), entity_pb2.Entity(domain=domain))


def _path(fqn: str) -> tuple[str, ...]:
    try:
        return split(fqn) if fqn else ()
    except NameSyntaxError:
        # The server says what is wrong with it.
        return ()


def _name_of(found: FoundItem) -> str:
    entity = convert(found.kind, found.body).item.entity
    if found.kind is Kind.BI_SERVICE:
        return quote(entity.bi_service.name)
    return join(*_path(entity.domain.parent), entity.domain.name)


def _exists(connected: Connection, kind: Kind, fqn: str) -> bool:
    try:
        stored_entity(connected, kind, fqn)
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.NOT_FOUND:
            return False
        if error.code() is not grpc.StatusCode.PERMISSION_DENIED:
            raise
    return True
