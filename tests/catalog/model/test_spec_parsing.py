"""A field of a spec counts as set if it is present, even if its value is false."""

from dashboard_catalog.catalog.model.commands import AssetName, SentLabel, SentReference
from dashboard_catalog.catalog.model.spec_parsing import parsed_spec


def test_false_and_zero_are_values() -> None:
    assert parsed_spec({"certified": False, "views": 0, "share": 0.0}, []) == {
        "certified": False,
        "views": 0,
        "share": 0.0,
    }


def test_empty_texts_lists_and_structs_are_absent() -> None:
    assert parsed_spec({"description": "", "owners": [], "charts": [], "extension": {}}, []) == {}


def test_duplicates_are_dropped_after_the_first() -> None:
    ann = SentReference("user", "", "ann", "")
    label = SentLabel("PII.Email", "Manual", "Confirmed")

    read = parsed_spec({"charts": ["s.a", "s.b", 's."a"'], "owners": [ann, ann], "tags": [label, label]}, [])

    assert read["charts"] == {AssetName("s", "a"): 0, AssetName("s", "b"): 1}
    assert read["owners"] == {ann: 0}
    assert read["tags"] == {"PII.Email": (0, label)}
