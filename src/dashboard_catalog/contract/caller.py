"""Who sends a request. Every door passes it to whatever reads the request."""

from dataclasses import dataclass

from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.catalog.model.commands import Writer


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller in one call.

    Attributes:
        id: Id of the call. Every error returns it, and every log line of the call holds it.
    """

    principal: Principal
    id: str

    @property
    def writer(self) -> Writer:
        """Who writes by a request that is not a bulk stream."""
        return Writer(principal=self.principal, ingests=self.principal.ingests, call_id=self.id)
