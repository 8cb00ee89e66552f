"""Merging one field of a write into the stored value, for every type and for kinds with other stewarded fields."""

import dataclasses
from typing import Any

import pytest

from dashboard_catalog.catalog.known.known_entities import KnownEntities
from dashboard_catalog.catalog.model.ids import new_id
from dashboard_catalog.catalog.model.kinds import DASHBOARD_KIND, AssetKind
from dashboard_catalog.catalog.model.labels import Label
from dashboard_catalog.catalog.model.stewardship import Marks
from dashboard_catalog.catalog.writing.merge import Merge, merge
from dashboard_catalog.catalog.writing.references import TagLabel
from dashboard_catalog.store.records import EntityRecord
from tests.catalog.model.records import dashboard


def _merge(stored: Any, sent: dict[str, Any], *, edits: bool = True, kind: AssetKind = DASHBOARD_KIND) -> Merge:
    record = dashboard(project=stored)
    return merge(kind, record, sent, ["project"], edits=edits, known_entities=KnownEntities())


@pytest.mark.parametrize(
    ("stored", "sent", "changes"),
    [
        (None, {"project": False}, {"project": False}),
        (None, {"project": 0}, {"project": 0}),
        (True, {"project": False}, {"project": False}),
        (False, {}, {"project": None}),
        (0, {}, {"project": None}),
        (False, {"project": False}, {}),
        (None, {}, {}),
    ],
)
def test_false_and_zero_are_values_and_differ_from_no_value(
    stored: Any, sent: dict[str, Any], changes: dict[str, Any]
) -> None:
    assert _merge(stored, sent).changes == changes


def test_an_absent_field_compares_equal_to_the_default_of_its_kind() -> None:
    kind = dataclasses.replace(DASHBOARD_KIND, defaults={"project": False})

    assert _merge(None, {"project": False}, kind=kind).changes == {}
    assert _merge(False, {}, kind=kind).changes == {}
    assert _merge(None, {"project": True}, kind=kind).changes == {"project": True}


def test_each_kind_has_its_stewarded_fields() -> None:
    stewarding = dataclasses.replace(DASHBOARD_KIND, stewarded=("project",))

    assert _merge("A", {"project": "B"}).marks.encode() is None
    assert _merge("A", {"project": "B"}, kind=stewarding).marks.encode() == {"fields": ["project"]}

    marked = dashboard(project="A", edited=Marks(["project"]).encode())
    ingested = merge(stewarding, marked, {"project": "B"}, (), edits=False, known_entities=KnownEntities())
    assert (ingested.changes, ingested.kept) == ({}, ["project"])


def test_ingestion_gives_a_blank_asset_the_same_values_as_an_edit() -> None:
    blank = dashboard(change_number=0)
    stamp: Any = {"change_number": 1, "updated_at": blank.updated_at, "updated_by": "ann", "call_id": "call"}
    tag = EntityRecord(id=new_id(), kind="tag", name="Email", fqn="PII.Email", **stamp)
    sent = {
        "display_name": "A",
        "dashboard_type": "Dashboard",
        "project": False,
        "owners": [new_id()],
        "charts": [],
        "tags": [TagLabel(tag, None, Label("Derived", "Suggested"))],
        "extension": {"b": 1, "none": None, "a": {"deep": [0]}},
        "source_hash": "1",
    }
    known = KnownEntities()

    ingested = merge(DASHBOARD_KIND, blank, sent, ["domain"], edits=False, known_entities=known)

    edited = merge(DASHBOARD_KIND, blank, sent, ["domain"], edits=True, known_entities=known)
    assert ingested.changes == edited.changes
    assert list(ingested.changes["extension"]) == ["a", "b"]
    assert {"dashboard_type", "charts", "source_hash", "domain"}.isdisjoint(ingested.changes)
    assert not ingested.marks.encode()
    assert edited.marks.encode()
