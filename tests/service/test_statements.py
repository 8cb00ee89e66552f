"""The number of statements of a batch does not depend on its size; an executemany counts as one."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.catalog.model.commands import AssetName, AssetWrite, Verb, Writer, reversion
from dashboard_catalog.catalog.model.kinds import ASSET_KINDS
from dashboard_catalog.catalog.writing.pipeline import Batch, Pipeline
from dashboard_catalog.errors import CatalogError
from tests.service.caller import Caller, Json, Service
from tests.service.counting import counted

SIZES = (1, 150)
MOST = 40

Items = Callable[[Sequence[int]], list[Json]]


def _dashboards(numbers: Sequence[int], **fields: Any) -> list[Json]:
    rich = {
        "service": "superset",
        "charts": ["superset.c1", "looker.c1"],
        "owners": [{"type": "user", "name": "ann"}],
        "domain": "finance.tax",
        "tags": [{"tagFQN": "PII.Email"}, {"tagFQN": "Tier.Gold"}],
        "extension": {"costCentre": "X", "budget": 3},
    }
    return [{"dashboard": {"name": f"d{number}", **rich, **fields}} for number in numbers]


def _charts(numbers: Sequence[int], **fields: Any) -> list[Json]:
    return [{"chart": {"name": f"n{number}", "service": "superset", **fields}} for number in numbers]


def _mixed(numbers: Sequence[int]) -> list[Json]:
    """Returns new, changed, unchanged and refused items of every kind."""
    thirds = [numbers[place::3] or numbers for place in range(3)]
    return [
        *_charts(thirds[0]),
        *_dashboards(thirds[1], displayName="Mixed"),
        # Under names of their own: of two items of one name that differ, the second is not looked at.
        *_dashboards(
            [-number for number in thirds[2]], charts=[f"superset.n{n}" for n in thirds[0][:5]], domain="none"
        ),
    ]


CASES: dict[str, tuple[Items, ...]] = {
    "create charts": (_charts,),
    "create dashboards": (_dashboards,),
    "update": (_dashboards, lambda numbers: _dashboards(numbers, displayName="Changed")),
    "unchanged": (_dashboards, _dashboards),
    "unchanged, as another spec": (_dashboards, lambda numbers: _dashboards(numbers, sourceHash="1")),
    "refused": (lambda numbers: _dashboards(numbers, domain="none"),),
    "users": (lambda numbers: [{"entity": {"user": {"name": f"u{number}"}}} for number in numbers],),
    "mixed": (_dashboards, _mixed),
}


@pytest.mark.usefixtures("superset")
async def test_a_chunk_of_one_service_takes_the_same_statements_at_any_size(
    service: Service, bot: Caller, admin: Caller
) -> None:
    first = 0
    for case, (*before, items) in CASES.items():
        caller = admin if case == "users" else bot
        taken: dict[int, list[str]] = {}
        for size in SIZES:
            numbers = range(first, first + size)
            first += size
            for earlier in before:
                assert (await caller.bulk(earlier(numbers))).failures == {}
            # The server remembers everything that a chunk refers to, at each size.
            assert (await bot.bulk(_dashboards([10_000 + first]))).failures == {}
            with counted(service.database) as counted_calls:
                bulk = await caller.bulk(items(numbers))
            assert sum(bulk.counts.values()) == len(items(numbers))
            taken[size] = counted_calls.statements

        assert len(taken[1]) <= MOST
        for size in SIZES[1:]:
            assert len(taken[size]) == len(taken[1]), case + _difference(taken[1], taken[size])


def _difference(few: Sequence[str], many: Sequence[str]) -> str:
    return "\n".join([": of one item:", *few, "of many:", *many])


ADMIN = Principal("admin", frozenset({"admin"}), frozenset(), None, False, None)
EDIT = Writer(principal=ADMIN, ingests=False, call_id="call")

Run = Callable[[Verb, Sequence[int], bool], Awaitable[int]]


@pytest.fixture
def run(service: Service) -> Run:
    """Deletes, restores or reverts dashboards by number in one batch, and returns the number of statements."""
    pipeline = Pipeline(Authorizer(None))

    async def run(verb: Verb, numbers: Sequence[int], hard: bool) -> int:
        kind = ASSET_KINDS["dashboard"]
        keys = [AssetName("superset", f"d{number}") for number in numbers]
        writes = [
            reversion(kind, EDIT, key, 1)
            if verb is Verb.REVERT
            else AssetWrite(kind=kind, verb=verb, writer=EDIT, key=key, hard=hard)
            for key in keys
        ]
        with counted(service.database) as counted_calls:
            results = await service.database.write(lambda connection: pipeline.run(connection, Batch(writes)))
        assert not [result.message for result in results if isinstance(result, CatalogError)]
        return len(counted_calls.statements)

    return run


@pytest.mark.usefixtures("superset")
async def test_deletion_restoration_and_reversion_take_the_same_statements_for_any_number(
    run: Run, bot: Caller
) -> None:
    taken: dict[int, list[int]] = {}
    first = 0
    for size in SIZES:
        numbers = range(first, first + size)
        first += size
        await bot.bulk(_charts(numbers))
        own = [
            {"dashboard": {"name": f"d{number}", "service": "superset", "charts": [f"superset.n{number}"]}}
            for number in numbers
        ]
        await bot.bulk(own)
        await bot.bulk(_dashboards(numbers))
        taken[size] = [
            await run(Verb.REVERT, numbers, False),
            await run(Verb.DELETE, numbers, False),
            await run(Verb.RESTORE, numbers, False),
            await run(Verb.DELETE, numbers, False),
            await run(Verb.DELETE, numbers, True),
        ]

    assert max(taken[1]) <= MOST
    assert taken == dict.fromkeys(SIZES, taken[1])


def _writing(statements: Sequence[str]) -> list[str]:
    """Returns the statements that write, except those that record the stream itself."""
    verbs = ("INSERT", "UPDATE", "DELETE", "COPY")
    return [text for text in statements if text.split()[0] in verbs and "bulk_" not in text]


@pytest.mark.usefixtures("superset")
async def test_a_unary_write_is_a_batch_of_one(service: Service, bot: Caller) -> None:
    with counted(service.database) as in_bulk:
        await bot.bulk(_dashboards([1]))
    with counted(service.database) as unary:
        await bot.upsert_dashboard(**_dashboards([2])[0])

    assert unary.commits == 1
    assert _writing(unary.statements) == _writing(in_bulk.statements) != []


@pytest.mark.usefixtures("superset")
async def test_the_response_of_a_unary_write_reuses_what_the_write_has_read(
    service: Service, admin: Caller, bot: Caller
) -> None:
    # Nothing that is remembered of entities holds after a change of one.
    await admin.upsert_entity(entity={"user": {"name": "new"}})

    with counted(service.database) as counted_calls:
        answer = await bot.upsert_dashboard(**_dashboards([1])[0])

    assert answer["dashboard"]["tags"][0]["tagFQN"] == "PII.Email"
    # The BI service, to lock it; then owners, tags with their classifications, and all other references.
    assert len([text for text in counted_calls.statements if "FROM entity" in text]) == 2


@pytest.mark.usefixtures("superset")
async def test_unchanged_items_write_no_assets(service: Service, bot: Caller) -> None:
    await bot.bulk(_charts(range(10)), _dashboards(range(10)))

    with counted(service.database) as counted_calls:
        await bot.bulk(_charts(range(10)), _dashboards(range(10)))

    assert _writing(counted_calls.statements) == []
