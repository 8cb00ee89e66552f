"""The search index holds what the database holds, whatever is written through the contract."""

from pathlib import Path

from tests.service.assets import Assets
from tests.service.caller import Caller, Service
from tests.service.entities import deleted, upserted
from tests.service.indexing import Followed
from tests.service.ingesting import ANN, labels, spec


async def test_a_dashboard_is_indexed_with_all_that_it_can_be_found_by(
    superset: Caller, service: Service, tmp_path: Path
) -> None:
    index = Followed(service.database, tmp_path)
    await superset.create_dashboard(
        dashboard=spec(
            displayName="Sales",
            description="d" * 20_001,
            project="emea",
            charts=["superset.c1", "looker.c1"],
            owners=ANN,
            domain="finance.tax",
            tags=labels("PII.Email"),
            extension={"costCentre": "cc7", "budget": 2_000_000},
        )
    )
    found = await index.catch_up()
    of = {name: document.id for name, document in found.items()}
    sales = found["dashboard d1"]
    assert (sales.display_name, sales.description, sales.project) == ("Sales", "d" * 20_000, "emea")
    assert sales.service == of["bi_service superset"]
    assert (sales.owners, sales.domain, sales.tags) == ([of["user ann"]], of["domain tax"], [of["tag Email"]])
    # Who may view superset may not be allowed to view looker.
    assert sales.charts == ["c1"]
    assert sorted(sales.extension) == ["2000000", "cc7"]
    assert (sales.missing, sales.deleted) == ([], False)
    assert found["chart c1"].missing == ["description", "owners", "domain", "tags"]
    assert found["bi_service looker"].service == of["bi_service looker"]


async def test_the_index_follows_every_write(superset: Caller, service: Service, tmp_path: Path) -> None:
    index = Followed(service.database, tmp_path)
    await index.begin()
    dashboards, charts = Assets(superset, "dashboard"), Assets(superset, "chart")
    await dashboards.create("d1", charts=["superset.c1", "superset.c2"])
    await dashboards.create("d2", charts=["superset.c2"])
    await dashboards.create("d3")
    assert (await index.catch_up())["dashboard d1"].charts == ["c1", "c2"]

    # What a dashboard shows of its charts changes with them, and it has no version for that.
    await charts.update("c2", "displayName", displayName="Revenue")
    found = await index.catch_up()
    assert [found[f"dashboard d{n}"].charts for n in (1, 2, 3)] == [["c1", "c2", "Revenue"], ["c2", "Revenue"], []]
    await charts.delete("c1")
    assert (await index.catch_up())["dashboard d1"].charts == ["c2", "Revenue"]
    await charts.restore("c1")
    assert (await index.catch_up())["dashboard d1"].charts == ["c1", "c2", "Revenue"]

    await dashboards.delete("d1")
    found = await index.catch_up()
    assert found["dashboard d1"].deleted
    assert found["chart c1"].deleted
    await dashboards.delete("d1", hard=True)
    await charts.delete("c3", hard=True)
    assert {"dashboard d1", "chart c3"}.isdisjoint(await index.catch_up())


async def test_the_index_follows_entities(superset: Caller, service: Service, tmp_path: Path) -> None:
    index = Followed(service.database, tmp_path)
    await index.begin()
    await upserted(superset, "user", name="ann", displayName="Ann")
    await upserted(superset, "domain", name="hr")
    found = await index.catch_up()
    assert found["user ann"].display_name == "Ann"
    assert found["domain hr"].service is None
    await deleted(superset, "domain", "hr")
    assert (await index.catch_up())["domain hr"].deleted
    await deleted(superset, "domain", "hr", hard=True)
    assert "domain hr" not in await index.catch_up()


async def test_what_a_reference_names_is_not_indexed_with_what_holds_it(
    superset: Caller, service: Service, tmp_path: Path
) -> None:
    config = {"entityTypes": ["chart"]}
    await upserted(
        superset, "customProperty", name="of", appliesTo="dashboard", propertyType="entityReference", config=config
    )
    await superset.create_dashboard(
        dashboard=spec(extension={"of": {"type": "chart", "fullyQualifiedName": "looker.c1"}, "costCentre": "cc7"})
    )
    assert (await Followed(service.database, tmp_path).catch_up())["dashboard d1"].extension == ["cc7"]
