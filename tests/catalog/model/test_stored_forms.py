"""Each stored form has one owner, which can decode everything that it encodes."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard_catalog.catalog.model import change, labels, version
from dashboard_catalog.catalog.model.labels import Label
from dashboard_catalog.catalog.model.stewardship import Marks
from dashboard_catalog.store.records import DashboardRecord
from tests.catalog.model.records import dashboard

ids = st.uuids(version=4)
texts = st.text(min_size=1, max_size=10)


@given(st.lists(texts), st.lists(ids), st.lists(texts))
def test_decoded_marks_equal_the_encoded_ones(fields: list[str], tags: list[UUID], keys: list[str]) -> None:
    stored = Marks(fields, tags, keys).encode()

    marks = Marks.decode(stored)
    assert list(marks.fields) == list(dict.fromkeys(fields))
    assert list(marks.tags) == list(dict.fromkeys(tags))
    assert list(marks.extension_keys) == list(dict.fromkeys(keys))
    assert marks.encode() == stored
    assert (stored is None) == (not (fields or tags or keys))


def test_marks_without_others_keep_their_order() -> None:
    one, two = uuid4(), uuid4()
    marks = Marks(["owners", "domain", "description"], [one, two], ["a", "b"])

    left = marks.without(Marks(["domain"], [two], ["b", "c"]))

    assert left.encode() == {"fields": ["owners", "description"], "tags": [one.hex], "extension_keys": ["a"]}
    assert left.without(left).encode() is None


@given(st.dictionaries(ids, st.builds(Label, st.sampled_from(["Manual", "Derived"]), st.sampled_from(["Suggested"]))))
def test_decoded_labels_equal_the_encoded_ones(held: dict[UUID, Label]) -> None:
    columns = labels.encode(held)

    assert labels.decode(columns["tags"], columns["tag_labels"]) == held
    assert list(labels.decode(columns["tags"], columns["tag_labels"])) == list(held)


def test_only_labels_that_differ_from_the_default_are_stored() -> None:
    plain, other = uuid4(), uuid4()

    columns = labels.encode({plain: labels.DEFAULT_LABEL, other: Label("Derived")})

    assert columns == {"tags": [plain, other], "tag_labels": {other.hex: ["Derived", "Confirmed"]}}
    assert labels.encode({plain: Label()})["tag_labels"] is None


@given(st.integers(0, 2**31 - 1))
def test_parsed_versions_equal_the_shown_ones(tenths: int) -> None:
    assert version.tenths_of(version.as_number(tenths)) == tenths
    assert float(version.as_text(tenths)) == version.as_number(tenths)


@pytest.mark.parametrize("number", [-0.1, 0.15, float("nan"), float("inf"), 2.0**31, 1e300])
def test_other_numbers_are_not_versions(number: float) -> None:
    assert version.tenths_of(number) is None


CHART, OWNER, TAG, DOMAIN = (uuid4() for _ in range(4))
NAMES = {CHART: "s.c", OWNER: "ann", TAG: "PII.Email", DOMAIN: "sales"}


def _described(before: DashboardRecord, changes: dict[str, Any]) -> change.ChangeDescription:
    return change.decode(change.describe(before, changes), NAMES.__getitem__)


def test_a_change_is_shown_with_names_instead_of_ids() -> None:
    before = dashboard(project="Old", owners=[OWNER], version=3)

    description = _described(
        before,
        {"project": "New", "description": "Text", "owners": [], "charts": [CHART], "domain": DOMAIN}
        | labels.encode({TAG: Label("Derived")}),
    )

    assert description.previous == 3
    assert description.added == [
        ("description", None, "Text"),
        ("charts", None, ["s.c"]),
        ("domains", None, ["sales"]),
        (
            "tags",
            None,
            [{"tagFQN": "PII.Email", "source": "Classification", "labelType": "Derived", "state": "Confirmed"}],
        ),
    ]
    assert description.updated == [("project", "Old", "New")]
    assert description.deleted == [("owners", ["ann"], None)]


def test_false_and_zero_are_values_in_a_change() -> None:
    before = dashboard(project=False)

    assert _described(before, {"project": 0}).updated == [("project", False, 0)]
    assert _described(dashboard(), {"project": False}).added == [("project", None, False)]
    assert _described(before, {"project": None}).deleted == [("project", False, None)]


def test_ids_in_a_change_are_found_in_its_stored_form() -> None:
    before = dashboard(owners=[OWNER], domain=DOMAIN)
    stored = change.describe(before, {"owners": [], "domain": None, "charts": [CHART]} | labels.encode({TAG: Label()}))

    assert list(change.chart_ids(stored)) == [CHART]
    assert set(change.entity_ids(stored)) == {OWNER, DOMAIN, TAG}
    assert list(change.chart_ids(None)) == list(change.entity_ids(None)) == []
