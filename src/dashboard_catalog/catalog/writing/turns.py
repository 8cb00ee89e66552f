"""When a batch lets other calls have a turn: its writes may refer to a million charts together."""

from dashboard_catalog.catalog.model.commands import AssetWrite

CHARTS_AT_ONCE = 5_000
"""How many charts the writes of a batch may refer to between two turns of other calls."""


class Turns:
    """Counts the charts that the writes of one batch refer to."""

    def __init__(self) -> None:
        self._charts = 0

    def are_due(self, write: AssetWrite) -> bool:
        """Says whether other calls should have a turn after this write."""
        self._charts += len(write.values.get("charts", ()))
        if self._charts <= CHARTS_AT_ONCE:
            return False
        self._charts = 0
        return True
