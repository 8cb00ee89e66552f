"""How references in a spec are parsed."""

from dashboard_catalog.catalog.model.commands import AssetName, SentLabel, SentReference
from dashboard_catalog.catalog.model.spec_parsing import parsed_spec


def test_duplicates_are_dropped_after_the_first() -> None:
    ann = SentReference("user", "", "ann", "")
    label = SentLabel("PII.Email", "Manual", "Confirmed")

    read = parsed_spec({"charts": ["s.a", "s.b", 's."a"'], "owners": [ann, ann], "tags": [label, label]}, [])

    assert read["charts"] == {AssetName("s", "a"): 0, AssetName("s", "b"): 1}
    assert read["owners"] == {ann: 0}
    assert read["tags"] == {"PII.Email": (0, label)}
