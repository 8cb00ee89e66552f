"""What the answers of all resources share.

The models of OpenMetadata's clients refuse every key that they do not know, in references and labels too. So answers
are made of listed keys, and values of closed lists are replaced by the one that means "another".
"""

import asyncio
import json
from collections.abc import Iterable, Mapping
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

TURN_BYTES = 64 * 2**10
"""How much JSON is made between two turns of other calls."""

# As `JSONResponse` writes it.
_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


class JsonAnswer(JSONResponse):
    """JSON as an answer whose size is known, which `AnswerRoom` needs. Content that is bytes is JSON already."""

    def render(self, content: Any) -> bytes:
        """Returns the body."""
        return content if isinstance(content, bytes) else super().render(content)

    def ByteSize(self) -> int:  # noqa: N802 - the name of protobuf
        """Returns the size of the body."""
        return len(self.body)


async def list_answer(key: str, items: Iterable[Any], rest: Mapping[str, Any]) -> JsonAnswer:
    """Returns the answer with a list, and lets other calls have turns while its items become JSON.

    Args:
        key: Of the list.
        items: Are made as they are taken, so that not all of them are in memory twice.
        rest: What else is answered.
    """
    pieces: list[bytes] = []
    size = 0
    for item in items:
        piece = _JSON.encode(item).encode()
        pieces.append(piece)
        size += len(piece)
        if size > TURN_BYTES:
            size = 0
            await asyncio.sleep(0)
    head, tail = f'{{"{key}":['.encode(), b"]," + _JSON.encode(rest).encode()[1:]
    return JsonAnswer(b"".join((head, b",".join(pieces), tail)))


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
