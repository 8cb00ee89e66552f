"""Everything that is wrong with the shape of a request: what the annotations refuse, and what reading it refuses.

The shape does not depend on who sends the request, so no caller is needed.
"""

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.message import Message

from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.contract.asset_requests import AssetRequests
from dashboard_catalog.contract.caller import Caller
from dashboard_catalog.contract.entity_requests import entity_upsert
from dashboard_catalog.contract.export_messages import export_request
from dashboard_catalog.contract.kinds import ASSET_MESSAGES
from dashboard_catalog.contract.search_messages import search_request
from dashboard_catalog.contract.validation import violations_of
from dashboard_catalog.contract.watch_messages import watch_request
from dashboard_catalog.errors import Violation, Violations

# Reading stamps a command with its caller. The commands that are read here are thrown away.
_NOBODY = Caller(Principal("", frozenset(), frozenset(), services=None, bot=False, expires_at=None), "")

_WHOLES = frozenset({*ASSET_MESSAGES, "entity", "entity.entity"})


def shape_violations(request: Message) -> list[Violation]:
    """Returns what is wrong with a request; empty if its annotations hold, for its servicer to read it."""
    found = violations_of(request)
    if not found:
        return found
    violations = Violations(found)
    read = _READERS.get(request.DESCRIPTOR.name)
    # A request without its asset or entity cannot be read.
    if read is not None and not any(violation.field in _WHOLES for violation in violations):
        violations.gather(lambda: read(request, _NOBODY))
    return violations


def _readers() -> Mapping[str, Callable[[Any, Caller], object]]:
    readers: dict[str, Callable[[Any, Caller], object]] = {
        "UpsertEntityRequest": entity_upsert,
        "WatchChangesRequest": watch_request,
        "ExportCatalogRequest": export_request,
        "SearchRequest": search_request,
    }
    for messages in ASSET_MESSAGES.values():
        requests, noun = AssetRequests(messages), messages.resource.DESCRIPTOR.name
        readers |= {
            f"Create{noun}Request": requests.create,
            f"Upsert{noun}Request": requests.upsert,
            f"Update{noun}Request": requests.update,
            f"Revert{noun}Request": requests.revert,
            f"Rename{noun}Request": requests.rename,
            f"Get{noun}Request": requests.read,
            f"List{noun}sRequest": requests.listing,
            f"List{noun}VersionsRequest": requests.versions,
            f"Compare{noun}VersionsRequest": requests.comparison,
        }
    return readers


_READERS = _readers()
