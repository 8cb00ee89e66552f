"""What the answers of all resources share.

The models of OpenMetadata's clients refuse every key that they do not know, in references and labels too. So answers
are made of listed keys, and values of closed lists are replaced by the one that means "another".
"""

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse

from dashboard_catalog.contract.wire import from_timestamp

_SERVICE_TYPES = frozenset(
    (
        *("Superset", "Looker", "Tableau", "Redash", "Metabase", "PowerBI", "PowerBIReportServer", "Mode"),
        *("CustomDashboard", "DomoDashboard", "QuickSight", "QlikSense", "Lightdash", "MicroStrategy", "QlikCloud"),
        *("Sigma", "ThoughtSpot", "Grafana", "Hex", "Ssrs", "SapS4Hana", "Omni"),
    )
)


class JsonAnswer(JSONResponse):
    """JSON as an answer whose size is known, which `AnswerRoom` needs."""

    def ByteSize(self) -> int:  # noqa: N802 - the name of protobuf
        """Returns the size of the body."""
        return len(self.body)


def href_of(request: Request, root: str, id_: str) -> str:
    """Returns the address of a thing on the server that the request was sent to.

    Args:
        root: Path of its resource.
        id_: Its id.
    """
    return f"{str(request.base_url).rstrip('/')}{root}/{id_}"


def etag_header(etag: str) -> Mapping[str, str]:
    """Returns the header that tells a client the etag of what it gets."""
    return {"ETag": f'"{etag}"'}


def service_type(type_: str) -> str:
    """Returns a type of a BI service as OpenMetadata's clients know it."""
    return type_ if type_ in _SERVICE_TYPES else "CustomDashboard"


def milliseconds(timestamp: Any) -> int:
    """Returns a timestamp in milliseconds since 1970."""
    return int(from_timestamp(timestamp).timestamp() * 1_000)
