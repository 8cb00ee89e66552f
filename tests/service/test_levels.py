"""How deep domains, teams and tags may lie below each other, and lists by what is stored deeper."""

import pytest

from dashboard_catalog.catalog.model.kinds import MAX_LEVELS
from dashboard_catalog.catalog.writing import entity_merge, hierarchy
from tests.service.caller import Caller, Json, Service
from tests.service.counting import reads
from tests.service.entities import refused, upserted

DEEP = 150


def chain(kind: str, first: int, end: int) -> list[Json]:
    """Returns entities of a kind, each below the one before; the first one lies below number `first - 1`, if any."""

    def entity(number: int) -> Json:
        above, name = number - 1, f"{kind[0]}{number}"
        if kind == "domain":
            below: Json = {"parent": ".".join(f"d{level}" for level in range(number))}
        elif kind == "tag":
            below = {"classification": "Deep", "parent": f"Deep.t{above}" if number else ""}
        else:
            below = {"parents": [f"t{above}"] if number else []}
        return {"entity": {kind: {"name": name, **below}}}

    return [entity(number) for number in range(first, end)]


async def test_domains_teams_and_tags_have_at_most_32_levels(superset: Caller) -> None:
    await upserted(superset, "classification", name="Deep")
    for kind, parent in (("domain", "parent"), ("team", "parents[0]"), ("tag", "parent")):
        full = await superset.bulk(chain(kind, 0, MAX_LEVELS + 1))
        too_deep = {f"entity.{kind}.{parent}": "TOO_DEEP"}
        assert (full.counts, full.failures) == ({"created": MAX_LEVELS, "failed": 1}, {MAX_LEVELS: too_deep})
        one_more = chain(kind, MAX_LEVELS, MAX_LEVELS + 1)[0]["entity"][kind]
        assert await refused(superset, kind, **one_more) == too_deep
        # What is on the last level can still be written there.
        last = chain(kind, MAX_LEVELS - 1, MAX_LEVELS)[0]["entity"][kind]
        assert (await upserted(superset, kind, **last, displayName="Last"))["outcome"] == "UPDATED"


@pytest.mark.parametrize("kind", ["tag", "team"])
async def test_what_moves_takes_the_levels_below_it_along(superset: Caller, kind: str) -> None:
    def below(*names: str) -> Json:
        if kind == "team":
            return {"parents": names}
        return {"classification": "Deep", "parent": "".join(f"Deep.{name}" for name in names[-1:])}

    await upserted(superset, "classification", name="Deep")
    await superset.bulk(chain(kind, 0, MAX_LEVELS - 2))
    for name, above in (("a", []), ("b", ["t0", "a"]), ("c", ["b"])):
        await upserted(superset, kind, name=name, **below(*above))
    bottom = f"t{MAX_LEVELS - 3}"
    if kind == "tag":
        await upserted(superset, kind, name="b", **below("a"))

    path = f"entity.{kind}." + ("parent" if kind == "tag" else "parents[0]")
    assert await refused(superset, kind, name="a", **below(bottom)) == {path: "TOO_DEEP"}
    assert (await upserted(superset, kind, name="b", **below(bottom)))["outcome"] == "UPDATED"


async def test_what_is_stored_deeper_still_works(
    service: Service, superset: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr(entity_merge, "MAX_LEVELS", 10 * DEEP)
        older.setattr(hierarchy, "MAX_LEVELS", 10 * DEEP)
        await upserted(superset, "classification", name="Deep")
        for kind in ("domain", "team", "tag"):
            assert (await superset.bulk(chain(kind, 0, DEEP))).counts == {"created": DEEP}
    bottom = ".".join(f"d{level}" for level in range(DEEP))
    tags = [{"tagFQN": f"Deep.t{DEEP - 1}"}]
    await superset.create_dashboard(dashboard={"name": "low", "service": "superset", "domain": bottom, "tags": tags})

    for filters in ({"domain": "d0"}, {"domain": bottom}, {"tag": "Deep"}, {"tag": "Deep.t0"}, {"tag": "Deep.t149"}):
        with reads(service) as statements:
            listed = await superset.list_dashboards(**filters)
        assert [each["name"] for each in listed["dashboards"]] == ["low"]
        assert len(statements) < 10
    for kind in ("domain", "team", "tag"):
        last = chain(kind, DEEP - 1, DEEP)[0]["entity"][kind]
        assert (await upserted(superset, kind, **last, description="deep"))["outcome"] == "UPDATED"
    # It can move up.
    assert (await upserted(superset, "team", name=f"t{DEEP - 1}", parents=["t0"]))["parents"] == ["t0"]
    assert "entity.team.parents[0]" in await refused(superset, "team", name="t0", parents=[f"t{DEEP - 2}"])
