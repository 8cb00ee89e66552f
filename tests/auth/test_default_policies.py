"""Tests every cell of role x kind x action x ownership with the policies in the package."""

from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import ASSET_KINDS, Action, Principal, Resource

# x: always, o: only if stored as owned by the caller, -: never.
# The actions, in the order of the columns.
COLUMNS = """
view create update delete restore hard_delete override_metadata sweep write rename preserve revert_session
"""
TABLE = """
-              dashboard        - - o o - - - - - - - -
-              chart            - - o o - - - - - - - -
-              bi_service       - - - - - - - - - - - -
-              user             - - - - - - - - - - - -
-              team             - - - - - - - - - - - -
-              domain           - - - - - - - - - - - -
-              classification   - - - - - - - - - - - -
-              tag              - - - - - - - - - - - -
-              custom_property  - - - - - - - - - - - -
data_consumer  dashboard        x - o o - - - - - - - -
data_consumer  chart            x - o o - - - - - - - -
data_consumer  bi_service       x - - - - - - - - - - -
data_consumer  user             x - - - - - - - - - - -
data_consumer  team             x - - - - - - - - - - -
data_consumer  domain           x - - - - - - - - - - -
data_consumer  classification   x - - - - - - - - - - -
data_consumer  tag              x - - - - - - - - - - -
data_consumer  custom_property  x - - - - - - - - - - -
data_steward   dashboard        x x x x x - - - - - - -
data_steward   chart            x x x x x - - - - - - -
data_steward   bi_service       x - - - - - - - - - - -
data_steward   user             x - - - - - - - - - - -
data_steward   team             x - - - - - - - - - - -
data_steward   domain           x - - - - - - - x - - -
data_steward   classification   x - - - - - - - x - - -
data_steward   tag              x - - - - - - - x - - -
data_steward   custom_property  x - - - - - - - - - - -
ingestion_bot  dashboard        x x x x - - - x - - - -
ingestion_bot  chart            x x x x - - - x - - - -
ingestion_bot  bi_service       x - - - - - - x x - - -
ingestion_bot  user             x - - - - - - - - - - -
ingestion_bot  team             x - - - - - - - - - - -
ingestion_bot  domain           x - - - - - - - x - - -
ingestion_bot  classification   x - - - - - - - x - - -
ingestion_bot  tag              x - - - - - - - x - - -
ingestion_bot  custom_property  x - - - - - - - - - - -
admin          dashboard        x x x x x x x x x x x x
admin          chart            x x x x x x x x x x x x
admin          bi_service       x x x x x x x x x x x x
admin          user             x x x x x x x x x x x x
admin          team             x x x x x x x x x x x x
admin          domain           x x x x x x x x x x x x
admin          classification   x x x x x x x x x x x x
admin          tag              x x x x x x x x x x x x
admin          custom_property  x x x x x x x x x x x x
"""

CELLS = {
    (role, kind, Action(action)): cell
    for role, kind, *cells in (line.split() for line in TABLE.strip().splitlines())
    for action, cell in zip(COLUMNS.split(), cells, strict=True)
}
ROLES = sorted({role for role, _, _ in CELLS})
KINDS = sorted({kind for _, kind, _ in CELLS})
NOBODY, ALICE, TEAM = (
    frozenset({"user:bob", "team:Ops"}),
    frozenset({"user:alice"}),
    frozenset({"team:Finance"}),
)

names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
resources = st.builds(
    Resource,
    kind=st.sampled_from(KINDS),
    name=names,
    service=st.none() | names,
    service_type=st.none() | names,
    owners=st.frozensets(names, max_size=2),
    domain=st.none() | names,
    tags=st.frozensets(names, max_size=2),
)


@pytest.fixture(scope="module")
def authorizer() -> Authorizer:
    return Authorizer(None)


def caller(*roles: str, services: frozenset[str] | None = None) -> Principal:
    return Principal(
        subject="alice",
        roles=frozenset(roles) - {"-"},
        teams=frozenset({"Finance", "Data"}),
        services=services,
        bot="ingestion_bot" in roles,
        expires_at=None,
    )


def resource(kind: str, owners: frozenset[str] = frozenset(), service: str = "looker") -> Resource:
    """Returns a thing with every attribute that it can have; only assets and BI services have a service."""
    has_service = kind in ASSET_KINDS or kind == "bi_service"
    return Resource(
        kind=kind,
        name="looker.sales",
        service=service if has_service else None,
        service_type="Looker" if has_service else None,
        owners=owners,
        domain="Finance.Revenue",
        tags=frozenset({"PII.Sensitive"}),
    )


def test_the_table_is_complete() -> None:
    assert set(CELLS) == set(product(ROLES, KINDS, Action))
    assert len(KINDS) == 9


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("role", ROLES)
def test_each_cell_is_decided_as_in_the_table(authorizer: Authorizer, role: str, kind: str) -> None:
    for action, owners in product(Action, [frozenset[str](), NOBODY, ALICE, TEAM, ALICE | TEAM]):
        cell = CELLS[role, kind, action]
        expected = cell == "x" or (cell == "o" and bool(owners & (ALICE | TEAM)))
        allowed = authorizer.allows(caller(role), action, resource(kind, owners))
        assert allowed is expected, f"{role} {action} {kind} owned by {sorted(owners)}"


@pytest.mark.parametrize(("first", "second"), list(combinations(ROLES, 2)))
def test_several_roles_allow_what_each_of_them_allows(authorizer: Authorizer, first: str, second: str) -> None:
    for kind, action in product(KINDS, Action):
        expected = "x" in {CELLS[first, kind, action], CELLS[second, kind, action]}
        assert authorizer.allows(caller(first, second), action, resource(kind)) is expected


@pytest.mark.parametrize("role", ROLES)
def test_absent_things_are_decided_without_attributes(authorizer: Authorizer, role: str) -> None:
    for kind, action, service in product(KINDS, Action, [None, "looker"]):
        allowed = authorizer.allows(caller(role), action, Resource(kind, "looker.gone", service=service))
        assert allowed is (CELLS[role, kind, action] == "x")


@pytest.mark.parametrize("role", ROLES)
def test_a_limited_token_cannot_reach_another_service(authorizer: Authorizer, role: str) -> None:
    limited = caller(role, services=frozenset({"looker", "tableau"}))
    for kind, action in product(["dashboard", "chart", "bi_service"], Action):
        within, beyond = resource(kind, ALICE), resource(kind, ALICE, service="superset")
        assert authorizer.allows(limited, action, within) is authorizer.allows(caller(role), action, within)
        assert not authorizer.allows(limited, action, beyond)


@pytest.mark.parametrize("role", ROLES)
def test_a_limited_token_leaves_things_without_a_service_to_the_roles(authorizer: Authorizer, role: str) -> None:
    limited = caller(role, services=frozenset({"looker"}))
    for kind, action in product(set(KINDS) - ASSET_KINDS - {"bi_service"}, Action):
        assert authorizer.allows(limited, action, resource(kind)) is (CELLS[role, kind, action] == "x")


def test_a_token_limited_to_no_service_reaches_none(authorizer: Authorizer) -> None:
    assert not authorizer.allows(caller("admin", services=frozenset()), Action.VIEW, resource("dashboard"))


def test_a_bot_has_only_the_permissions_of_its_roles(authorizer: Authorizer) -> None:
    bot = Principal("alice", frozenset(), frozenset(), None, bot=True, expires_at=None)
    assert bot.ingests
    assert not any(authorizer.allows(bot, action, resource(kind)) for action, kind in product(Action, KINDS))


@given(thing=resources, subject=names, action=st.sampled_from(Action))
def test_without_a_role_or_ownership_nothing_is_allowed(thing: Resource, subject: str, action: Action) -> None:
    stranger = Principal(subject, frozenset({"guest"}), frozenset(), None, bot=False, expires_at=None)
    if not thing.owners & stranger.owner_names:
        assert not DEFAULT.allows(stranger, action, thing)


@given(thing=resources, services=st.frozensets(names, max_size=2), action=st.sampled_from(Action))
def test_a_limit_works_with_any_name(thing: Resource, services: frozenset[str], action: Action) -> None:
    allowed = DEFAULT.allows(caller("admin", services=services), action, thing)
    assert allowed is (thing.service is None or thing.service in services)


@given(
    thing=resources,
    roles=st.frozensets(names, max_size=2),
    teams=st.frozensets(names, max_size=2),
    subject=names,
)
def test_an_owner_may_update_whatever_the_names(
    thing: Resource, roles: frozenset[str], teams: frozenset[str], subject: str
) -> None:
    principal = Principal(subject, roles, teams, None, bot=False, expires_at=None)
    owners = thing.owners | {f"team:{team}" for team in teams} | {f"user:{subject}"}
    owned = Resource("dashboard", service=thing.service, owners=owners)
    assert DEFAULT.allows(principal, Action.UPDATE, owned)


DEFAULT = Authorizer(None)
