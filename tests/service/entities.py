"""Calls the RPCs of entities in the JSON form of their messages, with an example of every kind."""

from typing import Any, NamedTuple

import pytest

from tests.service.caller import Caller, Json, Refused


class Example(NamedTuple):
    """An entity that can be added to the small catalog.

    Attributes:
        kind: Member of `Entity` in its JSON spelling.
        fqn: Its fully qualified name.
        fields: Every field that it can have, except display name and description.
        least: The fields of another entity of the kind that was sent with as few fields as possible.
    """

    kind: str
    fqn: str
    fields: Json
    least: Json


EXAMPLES = [
    Example(
        "biService",
        '"my.grafana"',
        {"name": "my.grafana", "serviceType": "Grafana", "sourceUrl": "https://grafana.example.com"},
        {"name": "plain", "serviceType": "Mode"},
    ),
    Example(
        "user",
        '"j.doe"',
        {"name": "j.doe", "email": "j@example.com", "isBot": True},
        {"name": "plain", "isBot": False},
    ),
    Example(
        "team",
        '"say ""hi"""',
        {"name": 'say "hi"', "teamType": "Division", "parents": ["sales", "emea"]},
        {"name": "plain", "teamType": "Group"},
    ),
    Example("domain", 'finance.tax."v.a.t"', {"name": "v.a.t", "parent": "finance.tax"}, {"name": "plain"}),
    Example(
        "classification",
        "Law",
        {"name": "Law", "mutuallyExclusive": True},
        {"name": "plain", "mutuallyExclusive": False},
    ),
    Example(
        "tag",
        'PII."e.mail"',
        {"name": "e.mail", "classification": "PII", "parent": "PII.Email", "disabled": True},
        {"name": "plain", "classification": "PII", "disabled": False},
    ),
    Example(
        "customProperty",
        "dashboard.colour",
        {
            "name": "colour",
            "appliesTo": "dashboard",
            "propertyType": "enum",
            "config": {"values": ["red", "blue"], "multiSelect": True},
        },
        {"name": "plain", "appliesTo": "chart", "propertyType": "string"},
    ),
]


def snake(kind: str) -> str:
    """Returns the kind in snake_case, as field paths and errors spell it."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in kind)


def kind_of(kind: str) -> str:
    """Returns the value of the enum `Kind`."""
    return f"KIND_{snake(kind).upper()}"


async def upserted(caller: Caller, kind: str, mask: str = "", *, validate_only: bool = False, **fields: Any) -> Json:
    """Upserts an entity and returns its fields, with the outcome."""
    answer = await caller.upsert_entity(entity={kind: fields}, update_mask=mask, validate_only=validate_only)
    return {**answer["entity"][kind], "outcome": answer["outcome"].removeprefix("OUTCOME_")}


async def refused(caller: Caller, kind: str, mask: str = "", **fields: Any) -> dict[str, str]:
    """Upserts an entity that must be refused, and returns the violations."""
    with pytest.raises(Refused) as caught:
        await caller.upsert_entity(entity={kind: fields}, update_mask=mask)
    assert caught.value.code == "INVALID_ARGUMENT"
    return caught.value.violations


async def read(caller: Caller, kind: str, fqn: str) -> Json:
    """Returns the fields of an entity."""
    entity: Json = (await caller.get_entity(kind=kind_of(kind), fully_qualified_name=fqn))["entity"][kind]
    return entity


async def deleted(caller: Caller, kind: str, fqn: str, **request: Any) -> Json:
    """Deletes an entity and returns its fields."""
    answer = await caller.delete_entity(kind=kind_of(kind), fully_qualified_name=fqn, **request)
    entity: Json = answer["entity"][kind]
    return entity
