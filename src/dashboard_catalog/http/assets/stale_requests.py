"""Reads the body of `deleteStale`: what a source still has, so that the rest can be deleted."""

import asyncio
from typing import Any

from dashboard_catalog.catalog.bulk.stale import StaleRequest
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.commands import AssetName
from dashboard_catalog.catalog.model.kinds import AssetKind
from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import Violation, Violations, invalid
from dashboard_catalog.http.dialect.lookups import decoded, encoded
from dashboard_catalog.http.dialect.service_names import ServiceNames
from dashboard_catalog.http.dialect.shapes import Shape, check_shape
from dashboard_catalog.http.edge.calls import HttpCall

_REQUIRED: Shape = {"scopeFqn": str, "scopeEntityType": str, "seenFqns": list}
_OPTIONAL: Shape = {"recursive": bool, "dryRun": bool, "hardDelete": bool}
_SCOPE = "service"
# After so many names other calls have a turn.
_READ_AT_ONCE = 1_000
_MOST_VIOLATIONS = 100


def check_stale(call: HttpCall, body: dict[str, Any]) -> None:
    """Does nothing if a body has the right shape.

    Args:
        call: Counts what is dropped.
        body: What was sent.

    Raises:
        CatalogError: INVALID_ARGUMENT.
    """
    check_shape(body, _REQUIRED, _OPTIONAL)
    if body["scopeEntityType"] != _SCOPE:
        raise invalid([Violation("scopeEntityType", ViolationReason.INVALID_VALUE, f"must be {_SCOPE}")])
    if body.get("hardDelete"):
        text = "must be false: what a source no longer has can come back, so it is never deleted for good"
        raise invalid([Violation("hardDelete", ViolationReason.INVALID_VALUE, text)])
    call.drop(f"deleteStale.{key}" for key in body if key not in _REQUIRED and key not in _OPTIONAL)


async def stale_request(call: HttpCall, kind: AssetKind, body: dict[str, Any], services: ServiceNames) -> StaleRequest:
    """Returns what a body asks to delete.

    Args:
        call: The call of the request.
        kind: The kind of asset.
        body: What was sent.
        services: Finds the BI service.

    Raises:
        CatalogError: INVALID_ARGUMENT with what is wrong with the body, and with the first names that are wrong.
    """
    check_stale(call, body)
    violations, seen = Violations(), set()
    for place, fqn in enumerate(body["seenFqns"]):
        if place % _READ_AT_ONCE == 0:
            await asyncio.sleep(0)
        if len(violations) == _MOST_VIOLATIONS:
            break
        try:
            seen |= _named(fqn)
        except names.NameSyntaxError as error:
            violations.append(Violation(f"seenFqns[{place}]", ViolationReason.INVALID_FORMAT, str(error)))
    violations.check()
    return StaleRequest(
        writer=call.caller.writer,
        service=names.segment(await services.fqn_of(body["scopeFqn"], call)),
        kind=kind,
        seen=seen,
        takes_charts=body.get("recursive") is not False,
    )


def _named(fqn: Any) -> set[AssetName]:
    """Returns every asset that a source may mean, so that none is deleted in case of doubt."""
    if not isinstance(fqn, str):
        raise names.NameSyntaxError("must be a string")
    service, name = names.split(fqn, 2)
    return {AssetName(service, spelling) for spelling in (name, decoded(name), encoded(name))}
