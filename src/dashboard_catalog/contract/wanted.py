"""The BI services and kinds that a reader of the feed asks for: a watcher or an export."""

from typing import Any

from dashboard_catalog.catalog.model.spec_parsing import requoted
from dashboard_catalog.catalog.reading.feed.scope import Wanted
from dashboard_catalog.contract.caller import Caller
from dashboard_catalog.contract.kinds import kind_name
from dashboard_catalog.errors import Violations


def wanted_of(request: Any, caller: Caller) -> Wanted:
    """Reads the fields `services` and `kinds` of a request.

    Raises:
        CatalogError: INVALID_ARGUMENT for names of BI services that do not parse.
    """
    violations = Violations()
    services = tuple(requoted(fqn, f"services[{place}]", violations) for place, fqn in enumerate(request.services))
    violations.check()
    return Wanted(caller.principal, frozenset(map(kind_name, request.kinds)), services)
