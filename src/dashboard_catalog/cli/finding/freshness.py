"""Says what a search may not find yet."""

from dashboard_catalog.cli import output
from dashboardcatalog.v1 import search_pb2

_SECONDS_WORTH_SAYING = 5


def say_how_fresh(response: search_pb2.SearchResponse) -> None:
    """Says if the index is being built or is behind."""
    if response.building:
        output.say("The index is being built: not everything is found yet.")
    elif (lag := response.lag.ToTimedelta().total_seconds()) >= _SECONDS_WORTH_SAYING:
        output.say(f"Changes of the last {lag:,.0f} s are not found yet.")
