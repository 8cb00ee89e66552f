"""Who may do what: role x RPC x ownership, for stored and absent things.

`tests/auth` holds the policies to the same table; this test checks that every RPC asks for the right action.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from itertools import product
from typing import Any

from tests.service.assets import all_rows, each_kind, on_one_database
from tests.service.caller import Caller, Json, Refused, Service, details_of
from tests.service.entities import EXAMPLES, Example, kind_of, snake

# One sign for each of: somebody else's, the caller's own, owned by a team of the caller, absent.
# + done, - PERMISSION_DENIED, 0 NOT_FOUND, = ALREADY_EXISTS
ASSETS = """
                 admin  ingestion_bot  data_steward  data_consumer  nobody
create           ===+   ===+           ===+          ----           ----
upsert           ++++   ++++           ++++          -++-           -++-
get              +++0   +++0           +++0          +++0           ----
update           +++0   +++0           +++0          -++-           -++-
delete           +++0   +++0           +++0          -++-           -++-
hard_delete      +++0   ----           ----          ----           ----
restore          +++0   ----           +++0          ----           ----
bulk             ++++   ++++           ++++          -++-           -++-
bulk_override    ++++   ----           ----          ----           ----
list             +      +              +             +              -
"""

# One sign for each of: stored, absent.
ENTITIES = """
                             admin  ingestion_bot  data_steward  data_consumer  nobody
get any                      +0     +0             +0            +0             --
list any                     +      +              +             +              -
upsert bi_service            ++     ++             --            --             --
upsert user                  ++     --             --            --             --
upsert team                  ++     --             --            --             --
upsert domain                ++     ++             ++            --             --
upsert classification        ++     ++             ++            --             --
upsert tag                   ++     ++             ++            --             --
upsert custom_property       ++     --             --            --             --
delete bi_service            +0     +0             --            --             --
delete user                  +0     --             --            --             --
delete team                  +0     --             --            --             --
delete domain                +0     +0             +0            --             --
delete classification        +0     +0             +0            --             --
delete tag                   +0     +0             +0            --             --
delete custom_property       +0     --             --            --             --
hard_delete any              +0     --             --            --             --
"""

SIGNS = {"PERMISSION_DENIED": "-", "NOT_FOUND": "0", "ALREADY_EXISTS": "="}
OWNERS = {"others": {"type": "user", "name": "bob"}, "own": {"type": "user", "name": "ann"}}
OWNERS["team"] = {"type": "team", "name": "sales"}
ROLES = ["admin", "ingestion_bot", "data_steward", "data_consumer", "nobody"]


def cells_of(table: str) -> dict[tuple[str, str], str]:
    """Returns the cells of a table by (row, role)."""
    header, *rows = table.strip("\n").splitlines()
    roles = header.split()
    assert roles == ROLES
    return {
        (" ".join(words[: -len(roles)]), role): cell
        for words in map(str.split, rows)
        for role, cell in zip(roles, words[-len(roles) :], strict=True)
    }


def callers(service: Service) -> dict[str, Caller]:
    """Returns ann, a member of the team sales, in each role."""
    return {
        role: service.caller("ann", *([] if role == "nobody" else [role]), teams=["sales"], bot=role == "ingestion_bot")
        for role in ROLES
    }


class Answer:
    """How a call ended: its sign, and for a refusal its whole status except the id of the call."""

    def __init__(self, sign: str, status: Any = None) -> None:
        self.sign = sign
        self.status = status


async def answer_of(call: Awaitable[Any]) -> Answer:
    try:
        await call
    except Refused as refused:
        details = {name: detail for name, detail in refused.details.items() if name != "RequestInfo"}
        return Answer(SIGNS.get(refused.code, refused.code), (refused.message, details))
    return Answer("+")


class AssetCalls:
    """The calls in the table, for one caller and one kind of asset."""

    def __init__(self, caller: Caller, kind: str) -> None:
        self._caller = caller
        self._kind = kind

    async def answer(self, row: str, name: str, *, try_only: bool) -> Answer:
        """Makes the call of a row for an asset.

        Args:
            try_only: Whether to set validate_only, if the RPC has it.
        """
        if row.startswith("bulk"):
            return await self._bulk(name, try_only, overrides=row == "bulk_override")
        key = {"fully_qualified_name": f"superset.{name}"}
        spec = {self._kind: {"name": name, "service": "superset", "displayName": name}}
        tried = {"validate_only": try_only}
        requests: dict[str, Json] = {
            "create": spec | tried,
            "upsert": spec | tried,
            "update": {self._kind: {"displayName": name}, "update_mask": "displayName"} | key | tried,
            "delete": key | tried,
            "hard_delete": key | tried | {"hard": True},
            "get": key,
            "restore": key,
        }
        call: Callable[..., Awaitable[Json]] = getattr(self._caller, f"{row.removeprefix('hard_')}_{self._kind}")
        return await answer_of(call(**requests[row]))

    async def _bulk(self, name: str, try_only: bool, *, overrides: bool) -> Answer:
        item = {self._kind: {"name": name, "service": "superset", "displayName": name}}
        bulk = await self._caller.bulk([item], options={"validate_only": try_only, "override_metadata": overrides})
        if not bulk.results:
            return Answer("+")
        details = details_of(bulk.statuses[0])
        return Answer("-" if details["ErrorInfo"]["reason"] == "ACTION_DENIED" else "?", (bulk.statuses[0].message,))


@each_kind
async def test_assets_by_role_and_ownership(service: Service, superset: Caller, kind: str) -> None:
    cells = cells_of(ASSETS)
    calls = {role: AssetCalls(caller, kind) for role, caller in callers(service).items()}
    rows = list(dict.fromkeys(row for row, _ in cells if row != "list"))
    every = [(row, role, owner, f"{row}-{role}-{owner}") for row, role, owner in product(rows, ROLES, OWNERS)]

    async def answers(cases: Iterable[tuple[str, str, str]], *, try_only: bool) -> dict[str, Answer]:
        """Makes the calls for (row, role, name) concurrently, so that they share batches."""
        pending = {name: calls[role].answer(row, name, try_only=try_only) for row, role, name in cases}
        return dict(zip(pending, await asyncio.gather(*pending.values()), strict=True))

    others = [(row, role, name) for row, role, owner, name in every if owner == "others"]
    absent = await answers(others, try_only=True)
    specs = [{"name": name, "service": "superset", "owners": [OWNERS[owner]]} for *_, owner, name in every]
    assert (await superset.bulk([{kind: spec} for spec in specs])).counts == {"created": len(specs)}
    await asyncio.gather(
        *(calls["admin"].answer("delete", name, try_only=False) for row, *_, name in every if row == "restore")
    )
    before = await all_rows(service.database)
    tried = await answers((each for each in others if each[0] != "restore"), try_only=True)
    assert await all_rows(service.database) == before
    stored = await answers(((row, role, name) for row, role, _, name in every), try_only=False)
    new = await answers(((row, role, f"{row}-{role}") for row, role in product(rows, ROLES)), try_only=False)

    found = {
        (row, role): "".join(stored[f"{row}-{role}-{owner}"].sign for owner in OWNERS) + new[f"{row}-{role}"].sign
        for row, role in product(rows, ROLES)
    }
    assert found == {cell: signs for cell, signs in cells.items() if cell[0] != "list"}
    # Validation needs the same permission, and a denial does not reveal what exists.
    assert {name: answer.sign for name, answer in tried.items()} == {name: stored[name].sign for name in tried}
    for name in (name for name, answer in absent.items() if answer.sign == stored[name].sign == "-"):
        assert stored[name].status == absent[name].status, name
    for role, caller in callers(service).items():
        assert (await answer_of(getattr(caller, f"list_{kind}s")())).sign == cells["list", role]


@on_one_database
async def test_owning_does_not_grant_create(service: Service, superset: Caller) -> None:
    for role, owner in product(("data_consumer", "nobody"), OWNERS):
        caller = callers(service)[role]
        spec = {"name": "new", "service": "superset", "owners": [OWNERS[owner]]}
        for call in (caller.create_dashboard, caller.upsert_dashboard):
            assert (await answer_of(call(dashboard=spec))).sign == "-"
        # Naming themselves as owners does not make somebody else's assets theirs.
        await superset.upsert_dashboard(dashboard={"name": "d", "service": "superset", "owners": [OWNERS["others"]]})
        taken = await answer_of(caller.upsert_dashboard(dashboard={**spec, "name": "d"}))
        assert taken.sign == "-"


def entity_requests(example: Example, *, try_only: bool) -> dict[str, tuple[str, Json]]:
    """Returns the RPC and request of each row for an example."""
    key: Json = {"kind": kind_of(example.kind), "fully_qualified_name": example.fqn}
    tried = {"validate_only": try_only}
    return {
        "get": ("get_entity", key),
        "list": ("list_entities", {"kind": kind_of(example.kind)}),
        "upsert": ("upsert_entity", {"entity": {example.kind: example.fields}} | tried),
        "delete": ("delete_entity", key | tried),
        "hard_delete": ("delete_entity", key | tried | {"hard": True}),
    }


async def entity_answers(caller: Caller, *, try_only: bool) -> dict[tuple[str, str], Answer]:
    """Makes every call for every example, and returns how each ended by (row, kind)."""

    async def answers(example: Example) -> dict[tuple[str, str], Answer]:
        # One after the other, so that each finds the entity stored; hard deletion also removes soft-deleted ones.
        requests = entity_requests(example, try_only=try_only).items()
        return {
            (row, snake(example.kind)): await answer_of(getattr(caller, rpc)(**request))
            for row, (rpc, request) in requests
        }

    found = await asyncio.gather(*map(answers, EXAMPLES))
    return {key: answer for each in found for key, answer in each.items()}


# Authorization comes before any write, so one database is enough.
@on_one_database
async def test_entities_by_role(service: Service, superset: Caller) -> None:
    cells = cells_of(ENTITIES)
    items: list[Json] = [{"entity": {example.kind: example.fields}} for example in EXAMPLES]
    for role, caller in callers(service).items():
        absent = await entity_answers(caller, try_only=True)
        assert (await superset.bulk(items)).counts == {"created": len(items)}
        tried = await entity_answers(caller, try_only=True)
        stored = await entity_answers(caller, try_only=False)
        bulk = await caller.bulk(items)

        for (row, kind), answer in stored.items():
            signs = answer.sign + (absent[row, kind].sign if row != "list" else "")
            assert signs == (cells.get((f"{row} {kind}", role)) or cells[f"{row} any", role]), (role, row, kind)
            assert tried[row, kind].sign == answer.sign
            if signs == "--":
                assert answer.status == absent[row, kind].status == tried[row, kind].status
        denied = [place for place, each in enumerate(EXAMPLES) if stored["upsert", snake(each.kind)].sign == "-"]
        if len(denied) == len(EXAMPLES):
            assert bulk.refused is not None
            assert bulk.refused.reason == "ACTION_DENIED"
        else:
            assert bulk.failures == {place: {"": "ACTION_DENIED"} for place in denied}
        for _, request in (entity_requests(example, try_only=False)["hard_delete"] for example in EXAMPLES):
            await superset.delete_entity(**request, allow_missing=True)
