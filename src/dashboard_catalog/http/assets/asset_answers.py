"""Answers with dashboards and charts: one of them with its etag, or several in a list."""

from collections.abc import Collection
from typing import Any

from fastapi import Request

from dashboard_catalog.calls.answer_room import AnswerRoom, CallRoom
from dashboard_catalog.catalog.reading.views import AssetView
from dashboard_catalog.contract.shown import shown_asset
from dashboard_catalog.http.dialect.answers import EVERYTHING, asset_answer
from dashboard_catalog.http.dialect.json_answer import JsonAnswer
from dashboard_catalog.http.edge.calls import call_of


class AssetAnswers:
    """Makes the answers of one kind of asset.

    Args:
        kind: Name of the kind.
        root: Path of its resource.
        room: Where answers are built.
    """

    def __init__(self, kind: str, root: str, room: AnswerRoom) -> None:
        self._kind = kind
        self._root = root
        self._room = room

    def room_of(self, request: Request) -> CallRoom:
        """Returns the room of one answer."""
        return self._room.of(call_of(request))

    def one(
        self, request: Request, view: AssetView, only: Collection[str] = EVERYTHING, status: int = 200
    ) -> JsonAnswer:
        """Returns the answer with one of them, and its etag."""
        message = shown_asset(view, None)
        return JsonAnswer(self.item(request, message, only), status, {"ETag": f'"{message.etag}"'})

    def item(self, request: Request, message: Any, only: Collection[str]) -> dict[str, Any]:
        """Returns the JSON of one of them."""
        href = f"{str(request.base_url).rstrip('/')}{self._root}/{message.id}"
        return asset_answer(self._kind, message, only) | {"href": href}
