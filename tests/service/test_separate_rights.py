"""Each way of doing a thing needs the permission for that thing, and an answer shows what its caller may view."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from dashboard_catalog.auth.policy_files import DEFAULT_FOLDER
from tests.service.assets import all_rows, each_kind, on_one_database
from tests.service.caller import Caller, Json, Refused, Service
from tests.service.servers import running

OTTO: list[Json] = [{"type": "user", "name": "ann"}]

ROLES = """
@id("creator") permit (principal in Role::"creator", action == Action::"create", resource is Asset);
@id("editor") permit (principal in Role::"editor", action in [Action::"view", Action::"update"], resource);
@id("writer") permit (principal in Role::"writer", action == Action::"write", resource is Entity);
@id("sweeper") permit (
    principal in Role::"sweeper",
    action in [Action::"create", Action::"update", Action::"delete", Action::"sweep"],
    resource
);
@id("typist") permit (principal in Role::"typist", action == Action::"write", resource is Entity)
when { resource has service_type && resource.service_type == "Mine" };
@id("curator") permit (
    principal in Role::"curator", action in [Action::"view", Action::"update", Action::"delete"], resource
);
@id("owner-restores") permit (principal in Role::"curator", action == Action::"restore", resource is Asset)
when { resource in principal.owns_as && resource has deleted_by && resource.deleted_by == "ingestion" };
@id("owner-overrides") permit (principal in Role::"keeper", action == Action::"override_metadata", resource is Asset)
when { resource in principal.owns_as };
"""


@pytest.fixture
def owner(service: Service) -> Caller:
    """Ann, who has no role and owns some assets."""
    return service.caller("ann")


async def denied(call: Any, **request: Any) -> str:
    """Makes a call that is denied and returns its message."""
    with pytest.raises(Refused) as caught:
        await call(**request)
    assert caught.value.reason == "ACTION_DENIED", caught.value
    return caught.value.message


async def deleted(caller: Caller, kind: str, name: str) -> bool:
    """Says whether an asset of superset is deleted."""
    found = await getattr(caller, f"get_{kind}")(fully_qualified_name=f"superset.{name}", deleted="DELETED_INCLUDE")
    return bool(found[kind].get("deleted"))


@each_kind
async def test_an_owner_who_may_not_restore_does_not_restore_by_upsert(
    service: Service, superset: Caller, owner: Caller, kind: str
) -> None:
    spec = {"name": "own", "service": "superset", "owners": OTTO}
    await getattr(superset, f"create_{kind}")(**{kind: spec})
    key = {"fully_qualified_name": "superset.own"}
    upsert, upsert_as_bot = getattr(owner, f"upsert_{kind}"), service.caller("ann", bot=True)
    change = {kind: {**spec, "description": "back"}}

    for caller in (owner, superset):
        await getattr(caller, f"delete_{kind}")(**key)
        before = await all_rows(service.database)
        for more in ({}, {"validate_only": True}, {"update_mask": "description"}):
            assert await denied(upsert, **change, **more) == f"ann may not upsert {kind} superset.own"
        assert await denied(getattr(owner, f"restore_{kind}"), **key) == f"ann may not restore {kind} superset.own"
        if caller is owner:
            # The owner's bot deletes as ingestion, which may not be undone either.
            await getattr(superset, f"restore_{kind}")(**key)
            await getattr(upsert_as_bot, f"delete_{kind}")(**key)
            before = await all_rows(service.database)
            await denied(getattr(upsert_as_bot, f"upsert_{kind}"), **change)
            assert (await upsert_as_bot.bulk([change])).failures == {0: {"": "ACTION_DENIED"}}
        assert await all_rows(service.database) == before
        await getattr(superset, f"restore_{kind}")(**key)
    assert (await upsert(**change))["outcome"] == "OUTCOME_UPDATED"


@each_kind
async def test_a_bot_restores_what_ingestion_deleted_and_nothing_else(
    service: Service, superset: Caller, bot: Caller, steward: Caller, kind: str
) -> None:
    del service
    specs = [{kind: {"name": name, "service": "superset"}} for name in ("swept", "dropped", "restored")]
    assert (await bot.bulk(specs)).counts == {"created": 3}
    for caller, name in ((bot, "swept"), (steward, "dropped"), (bot, "restored")):
        await getattr(caller, f"delete_{kind}")(fully_qualified_name=f"superset.{name}")
    restore = getattr(bot, f"restore_{kind}")

    await denied(restore, fully_qualified_name="superset.dropped")
    await restore(fully_qualified_name="superset.restored")
    counts = (await bot.bulk(specs)).counts

    assert counts == {"restored": 1, "suppressed": 1, "unchanged": 1}
    assert [await deleted(superset, kind, name) for name in ("swept", "dropped", "restored")] == [False, True, False]


async def test_charts_go_and_come_with_a_dashboard_only_for_those_who_may_delete_and_restore_them(
    superset: Caller, owner: Caller
) -> None:
    await superset.upsert_chart(chart={"name": "c1", "service": "superset", "owners": OTTO})
    spec = {"name": "own", "service": "superset", "owners": OTTO, "charts": ["superset.c1", "superset.c2"]}
    await superset.create_dashboard(dashboard=spec)

    async def charts() -> list[bool]:
        return [await deleted(superset, "chart", name) for name in ("c1", "c2")]

    await owner.delete_dashboard(fully_qualified_name="superset.own")
    assert await charts() == [True, False]
    await superset.restore_dashboard(fully_qualified_name="superset.own")
    assert await charts() == [False, False]
    await superset.delete_dashboard(fully_qualified_name="superset.own")
    assert await charts() == [True, True]


@each_kind
async def test_a_caller_who_may_not_view_an_asset_sees_which_one_was_written(
    superset: Caller, owner: Caller, kind: str
) -> None:
    spec: Json = {
        "name": "own",
        "service": "superset",
        "owners": OTTO,
        "description": "secret",
        "displayName": "secret",
    }
    stored = (await getattr(superset, f"create_{kind}")(**{kind: spec}))[kind]
    key = {"fully_qualified_name": "superset.own"}
    change = {kind: {"description": "new"}, "update_mask": "description"}

    answers = [
        await getattr(owner, f"update_{kind}")(**key, **change),
        await getattr(owner, f"update_{kind}")(id=stored["id"], **change, validate_only=True),
        await getattr(owner, f"upsert_{kind}")(**{kind: {"name": "own", "service": "superset", "description": "x"}}),
        await getattr(owner, f"delete_{kind}")(**key),
    ]

    for answer, version in zip(answers, (0.2, 0.2, 0.3, 0.4), strict=True):
        assert answer[kind] == {
            "id": stored["id"],
            "name": "own",
            "fullyQualifiedName": "superset.own",
            "version": version,
            "etag": f"{stored['id'].replace('-', '')}.{round(version * 10)}",
        }
    assert answers[2]["outcome"] == "OUTCOME_UPDATED"


async def test_a_bot_that_may_not_view_is_not_told_what_people_decided(service: Service, superset: Caller) -> None:
    loader = service.caller("ann", bot=True)
    spec: Json = {"name": "own", "service": "superset", "owners": OTTO, "tags": [{"tagFQN": "PII.Email"}]}
    await superset.create_dashboard(dashboard=spec)
    item = {"dashboard": {"name": "own", "service": "superset", "description": "x", "tags": [{"tagFQN": "Tier.Gold"}]}}

    bulk = await loader.bulk([item], options={"result_view": "RESULT_VIEW_ALL"})

    assert bulk.results[0].keys() == {"kind", "fullyQualifiedName", "id", "version", "outcome"}
    item["dashboard"]["tags"] = [{"tagFQN": "Tier.Silver"}]
    assert "keptFields" not in await loader.upsert_dashboard(**item)


async def test_a_bot_does_not_give_itself_what_people_decided(superset: Caller, bot: Caller, steward: Caller) -> None:
    await superset.create_dashboard(dashboard={"name": "d", "service": "superset", "description": "by people"})
    release = {"fully_qualified_name": "superset.d", "release": {"fields": ["description"]}}

    assert await denied(bot.update_dashboard, **release) == "loader may not override_metadata dashboard superset.d"

    assert "edited" not in (await steward.update_dashboard(**release))["dashboard"]


@pytest.fixture
async def governed(database_url: str, tmp_path: Path) -> AsyncIterator[Service]:
    """A server with roles that have one permission each, beside the default ones except that of bots to restore."""
    folder = tmp_path / "policies"
    folder.mkdir()
    for file in DEFAULT_FOLDER.glob("*.cedar"):
        text = file.read_text()
        if file.name == "ingestion_bot.cedar":
            before, _, after = text.partition("// What a sweep deleted")
            text = before + after[after.index('@id("ingestion-bot-sweeps') :]
        (folder / file.name).write_text(text)
    (folder / "roles.cedar").write_text(ROLES)
    async with running(database_url, tmp_path / "data", policy_dir=folder) as (_, service):
        await service.caller("admin", "admin").add_small_catalog()
        yield service


@on_one_database
async def test_older_policies_work_and_do_not_restore(governed: Service) -> None:
    bot = governed.caller("loader", "ingestion_bot", bot=True)
    item = {"dashboard": {"name": "d", "service": "superset"}}
    assert (await bot.bulk([item])).counts == {"created": 1}
    await bot.delete_dashboard(fully_qualified_name="superset.d")

    assert (await bot.bulk([item])).failures == {0: {"": "ACTION_DENIED"}}


@on_one_database
async def test_who_may_only_create_learns_nothing_of_what_exists(governed: Service) -> None:
    creator, admin = governed.caller("cleo", "creator"), governed.caller("admin", "admin")
    spec = {"name": "new", "service": "superset", "description": "x"}

    created = (await creator.create_dashboard(dashboard=spec))["dashboard"]
    assert created.keys() == {"id", "name", "fullyQualifiedName", "version", "etag"}
    await admin.delete_dashboard(fully_qualified_name="superset.new")
    with pytest.raises(Refused) as refused:
        await creator.create_dashboard(dashboard=spec)
    assert (refused.value.code, refused.value.metadata) == ("ALREADY_EXISTS", {})
    assert refused.value.message == "dashboard superset.new already exists"
    # Whoever may create in a BI service knows that it exists, and that a name in it is taken.
    await denied(creator.upsert_dashboard, dashboard=spec)


@on_one_database
async def test_who_may_write_an_entity_and_not_view_it_sees_which_one_was_written(governed: Service) -> None:
    writer = governed.caller("wim", "writer")
    domain = {"domain": {"name": "finance", "description": "x"}}

    answers = [
        await writer.upsert_entity(entity=domain),
        await writer.delete_entity(kind="KIND_DOMAIN", fully_qualified_name="finance"),
        await writer.upsert_entity(entity=domain),
    ]

    assert [answer["entity"]["domain"].keys() for answer in answers] == [{"id", "name", "fullyQualifiedName"}] * 3
    assert answers[2]["outcome"] == "OUTCOME_RESTORED"


@on_one_database
async def test_a_bi_service_is_written_as_the_type_that_it_has_and_gets(governed: Service) -> None:
    typist, admin = governed.caller("tess", "typist"), governed.caller("admin", "admin")

    async def upsert(name: str, type_: str, caller: Caller = typist) -> str:
        answer = await caller.upsert_entity(entity={"biService": {"name": name, "serviceType": type_}})
        return str(answer["outcome"])

    assert await upsert("mine", "Mine") == "OUTCOME_CREATED"
    await upsert("other", "Other", admin)
    for name, type_ in (("new", "Other"), ("other", "Other"), ("other", "Mine"), ("mine", "Other")):
        assert await denied(upsert, name=name, type_=type_) == f"tess may not write bi_service {name}"
    assert await denied(typist.delete_entity, kind="KIND_BI_SERVICE", fully_qualified_name="other")
    await typist.delete_entity(kind="KIND_BI_SERVICE", fully_qualified_name="mine")


@on_one_database
async def test_nobody_gains_permissions_by_becoming_an_owner(governed: Service) -> None:
    editor, admin = governed.caller("ann", "editor", teams=["sales"]), governed.caller("admin", "admin")
    ann = (await admin.get_entity(kind="KIND_USER", fully_qualified_name="ann"))["entity"]["user"]["id"]
    await admin.create_dashboard(dashboard={"name": "d", "service": "superset"})
    key = {"fully_qualified_name": "superset.d", "update_mask": "owners"}

    for owners in (OTTO, [{"type": "user", "id": ann}], [{"type": "team", "fullyQualifiedName": "sales"}]):
        message = await denied(editor.update_dashboard, **key, dashboard={"owners": owners})
        assert message == "ann may not delete dashboard superset.d"
        await denied(editor.upsert_dashboard, dashboard={"name": "d", "service": "superset", "owners": owners})
    # These are permissions that owners have only in the policies of this test.
    for roles, action in ((["curator"], "restore"), (["curator", "keeper", "data_steward"], "override_metadata")):
        message = await denied(governed.caller("ann", *roles).update_dashboard, **key, dashboard={"owners": OTTO})
        assert message == f"ann may not {action} dashboard superset.d"
    # Others may be made owners, and who has the permissions already may become one.
    await editor.update_dashboard(**key, dashboard={"owners": [{"type": "user", "name": "bob"}]})
    await governed.caller("ann", "data_steward").update_dashboard(**key, dashboard={"owners": OTTO})
    await editor.update_dashboard(**key, dashboard={"owners": [*OTTO, {"type": "user", "name": "bob"}]})
    # An older version does not make anyone an owner either.
    await admin.update_dashboard(**key, dashboard={"owners": []})
    reverted = {"fully_qualified_name": "superset.d", "version": 0.3}
    assert await denied(editor.revert_dashboard, **reverted) == "ann may not delete dashboard superset.d"
    assert (await editor.revert_dashboard(**reverted | {"version": 0.2}))["dashboard"]["owners"][0]["name"] == "bob"


@on_one_database
async def test_a_sweep_names_only_what_its_caller_may_view(governed: Service) -> None:
    sweeper = governed.caller("sam", "sweeper", bot=True)
    items = [{"dashboard": {"name": f"d{number}", "service": "superset"}} for number in range(3)]
    assert (await sweeper.bulk(items)).counts == {"created": 3}

    for validate_only in (True, False):
        options = {"service": "superset", "sweep": {"max_deleted_percent": 100}, "validate_only": validate_only}
        swept = (await sweeper.bulk(items[:1], options=options, finish={"total_items": 1})).summary["sweep"]
        assert "sample" not in swept
        assert swept["wouldDelete" if validate_only else "deleted"] == "2"


@on_one_database
async def test_an_unchanged_item_needs_the_permission_to_override(superset: Caller, bot: Caller) -> None:
    options = {"override_metadata": True}
    item = {"dashboard": {"name": "d", "service": "superset"}}
    assert (await superset.bulk([item], options=options)).counts == {"created": 1}
    assert (await superset.bulk([item], options=options)).counts == {"unchanged": 1}

    assert (await bot.bulk([item], options=options)).failures == {0: {"": "ACTION_DENIED"}}
