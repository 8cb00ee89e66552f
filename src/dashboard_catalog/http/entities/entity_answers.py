"""Entities as OpenMetadata's JSON."""

from collections.abc import Iterator
from typing import Any

from fastapi import Request
from google.protobuf.json_format import MessageToDict

from dashboard_catalog.calls.answer_room import AnswerRoom, CallRoom
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.etag import etag_of
from dashboard_catalog.catalog.model.kinds import EntityKind
from dashboard_catalog.catalog.reading.views import EntityView
from dashboard_catalog.contract.wire import entity_message
from dashboard_catalog.http.dialect.answers import JsonAnswer, etag_header, href_of, milliseconds, service_type
from dashboard_catalog.http.edge.calls import call_of
from dashboard_catalog.http.entities.emails import accepted_email
from dashboard_catalog.http.entities.entity_resources import EntityResource

_BASE = ("id", "name", "fullyQualifiedName", "displayName", "description", "updatedBy")


class EntityAnswers:
    """Makes the answers of one resource.

    Args:
        resource: The resource.
        room: Where answers are built.
    """

    def __init__(self, resource: EntityResource, room: AnswerRoom) -> None:
        self._resource = resource
        self._room = room

    def room_of(self, request: Request) -> CallRoom:
        """Returns the room of one answer."""
        return self._room.of(call_of(request))

    def one(self, request: Request, view: EntityView, status: int = 200, *, deleted: bool = False) -> JsonAnswer:
        """Returns the answer with an entity, and its etag.

        Args:
            request: The request.
            view: The entity.
            status: The status.
            deleted: Whether it has just been deleted, maybe for good.
        """
        item = self.item(request, view)
        if deleted and self._resource.has_deleted:
            item["deleted"] = True
        return JsonAnswer(item, status, etag_header(etag_of(view.record)))

    def item(self, request: Request, view: EntityView) -> dict[str, Any]:
        """Returns the JSON of an entity."""
        answer = entity_answer(self._resource, view)
        return answer | {"href": href_of(request, self._resource.root, answer["id"])}


def entity_answer(resource: EntityResource, view: EntityView) -> dict[str, Any]:
    """Returns what is answered of an entity."""
    message = getattr(entity_message(view), resource.kind.name)
    sent = MessageToDict(message)
    answer = dict(resource.defaults) | {key: sent[key] for key in (*_BASE, *resource.keys) if key in sent}
    if view.is_shown:
        answer["updatedAt"] = milliseconds(message.updated_at)
        answer |= references_of(resource.kind, view)
        if resource.has_deleted:
            answer["deleted"] = message.deleted
    if "serviceType" in answer:
        answer["serviceType"] = service_type(answer["serviceType"])
    if "email" in resource.keys:
        answer["email"] = accepted_email(answer.get("email", ""), message.name)
    return answer


def references_of(kind: EntityKind, view: EntityView) -> dict[str, Any]:
    """Returns the references of an entity to those above it, by their field."""
    found: dict[str, Any] = {}
    for place, (field, above) in enumerate(kind.parents.items()):
        # The field that holds several is the only one of its kind.
        several = field == "parents"
        ids = view.record.parents if several else view.record.parents[place : place + 1]
        references = [reference for id_ in ids for reference in _reference(view, id_, above)]
        if references:
            found[field] = references if several else references[0]
    return found


def _reference(view: EntityView, id_: Any, kind: str) -> Iterator[dict[str, str]]:
    if (fqn := view.above.get(id_)) is not None:
        yield {"id": str(id_), "type": kind, "name": names.split(fqn)[-1], "fullyQualifiedName": fqn}
