"""Writes entities for commands: UpsertEntity also creates and restores, which these must not do by accident."""

from typing import Any

from google.protobuf.message import Message

from dashboard_catalog.cli.edits.fields import identity_of
from dashboard_catalog.sources.kinds import Kind
from dashboardcatalog.v1 import entity_pb2


def identifying(kind: Kind, stored: entity_pb2.Entity) -> entity_pb2.Entity:
    """Returns an entity with only the fields that make up the name of another."""
    entity = entity_pb2.Entity()
    for field in identity_of(kind):
        setattr(getattr(entity, kind), field, getattr(body_of(kind, stored), field))
    return entity


def body_of(kind: Kind, entity: entity_pb2.Entity) -> Any:
    """Returns the message of its kind in an entity."""
    body: Message = getattr(entity, kind)
    return body
