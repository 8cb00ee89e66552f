"""The bulk option override_metadata writes like an edit, and requires a separate permission."""

from tests.service.assets import all_rows
from tests.service.caller import Caller, Service
from tests.service.ingesting import ANN, BOB, ingest, ingest_one, labels, spec, stored, tags_of


async def test_override_metadata_writes_like_an_edit(superset: Caller) -> None:
    await superset.create_dashboard(
        dashboard=spec(displayName="A", description="a", owners=ANN, tags=labels("Tier.Gold", "PII.Email"))
    )

    result = await ingest_one(superset, override=True, displayName="B", owners=BOB, tags=labels("Tier.Silver"))

    after = await stored(superset)
    assert (result.outcome, result.kept) == ("UPDATED", [])
    assert (after["displayName"], after["owners"][0]["name"], tags_of(after)) == ("B", "bob", ["Tier.Silver"])
    assert after["description"] == "a", "override erases nothing by omission"

    # Its values are marked like those of any edit.
    result = await ingest_one(superset, name="d2", override=True, displayName="A", domain="finance")
    again = await ingest_one(superset, name="d2", displayName="Z", domain="finance.tax", description="z")

    after = await stored(superset, "d2")
    assert (result.outcome, again.kept) == ("CREATED", ["display_name", "domain"])
    assert (after["displayName"], after["description"]) == ("A", "z")
    assert after["edited"] == {"fields": ["display_name", "domain"]}


async def test_override_metadata_without_permission_is_refused_item_by_item(
    service: Service, superset: Caller, bot: Caller, steward: Caller
) -> None:
    await superset.create_dashboard(dashboard=spec(displayName="A"))
    before = await all_rows(service.database)

    for caller in (bot, steward):
        results = await ingest(caller, {"name": "d1", "displayName": "B"}, {"name": "new"}, override=True)
        assert [result.refused for result in results] == [{"": "ACTION_DENIED"}] * 2

    assert await all_rows(service.database) == before
