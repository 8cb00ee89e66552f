"""Principals come from the claims of many kinds of identity provider."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard_catalog.auth.claims import ClaimNames, is_name, read_principal
from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError

OWN = ClaimNames()


def principal(names: ClaimNames = OWN, leeway: float = 0, **claims: Any) -> Principal:
    return read_principal({"sub": "alice", "exp": 1_900_000_000, **claims}, names, leeway)


def test_a_token_with_only_a_subject_has_no_roles() -> None:
    assert principal() == Principal(
        subject="alice",
        roles=frozenset(),
        teams=frozenset(),
        services=None,
        bot=False,
        expires_at=datetime.fromtimestamp(1_900_000_000, UTC),
    )


def test_the_leeway_postpones_the_expiry() -> None:
    assert principal(leeway=60).expires_at == datetime.fromtimestamp(1_900_000_060, UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["admin", "data_steward"], {"admin", "data_steward"}),
        (["two words", "a,b"], {"two words", "a,b"}),
        ("admin", {"admin"}),
        ("admin  data_steward", {"admin", "data_steward"}),
        ("admin,data_steward", {"admin", "data_steward"}),
        ("Data Team, Finance", {"Data Team", "Finance"}),
        ("", set()),
        ([], set()),
        (None, set()),
    ],
)
def test_several_values_can_be_a_list_or_a_text(value: Any, expected: set[str]) -> None:
    assert principal(roles=value).roles == expected
    assert principal(teams=value).teams == expected


@pytest.mark.parametrize(("value", "expected"), [([], set()), ("", set()), (["a b"], {"a b"})])
def test_an_empty_claim_of_services_allows_no_service(value: Any, expected: Any) -> None:
    assert principal(services=value).services == expected


@pytest.mark.parametrize(
    ("value", "bot"),
    [(True, True), ("true", True), ("True", True), (False, False), ("false", False), (None, False)],
)
def test_a_claim_marks_a_bot(value: Any, bot: bool) -> None:
    assert principal(bot=value).bot is bot
    assert principal(bot=value).ingests is bot


def test_the_role_of_bots_makes_any_token_a_bot_s() -> None:
    assert principal(roles=["ingestion_bot"], bot=False).bot


def test_names_of_claims_are_settings_and_may_be_paths() -> None:
    names = ClaimNames(
        subject="preferred_username",
        roles="realm_access.roles",
        teams="https://example.com/groups",
        services="ext.catalog.services",
        bot="ext.bot",
    )
    groups: dict[str, Any] = {"https://example.com/groups": ["Finance"]}
    read = principal(
        names,
        **groups,
        sub="0e1f",
        preferred_username="bob",
        realm_access={"roles": ["admin"]},
        ext={"catalog": {"services": "looker"}, "bot": "true"},
        roles=["data_steward"],
    )
    assert (read.subject, read.roles, read.teams) == ("bob", frozenset({"admin"}), frozenset({"Finance"}))
    assert (read.services, read.bot) == (frozenset({"looker"}), True)


@pytest.mark.parametrize("value", [None, "text", [{"roles": ["admin"]}], {"other": 1}])
def test_a_path_that_leads_nowhere_is_an_absent_claim(value: Any) -> None:
    assert principal(ClaimNames(roles="realm_access.roles"), realm_access=value).roles == frozenset()


@pytest.mark.parametrize("value", [None, "text", {"services": None}])
def test_a_broken_path_to_the_limit_of_a_token_does_not_lift_the_limit(value: Any) -> None:
    names = ClaimNames(services="limits.services")
    assert principal(names, limits={"other": 1}).services is None
    with pytest.raises(CatalogError, match=r"claim limits\.services of the token must be"):
        principal(names, limits=value)


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("sub", None),
        ("sub", ""),
        ("sub", 7),
        ("sub", ["alice"]),
        ("sub", "a" * 257),
        ("sub", "ali\nce"),
        ("sub", "ali\ud800ce"),
        ("roles", 7),
        ("roles", ["admin", 7]),
        ("roles", {"admin": True}),
        ("teams", ["a\x00b"]),
        ("services", ["a" * 257]),
        ("services", False),
        ("services", None),
        ("bot", 1),
        ("bot", "yes"),
        ("exp", None),
        ("exp", "1900000000"),
        ("exp", True),
        ("exp", float("inf")),
        ("exp", float("nan")),
        ("exp", 10**18),
    ],
)
def test_an_unusable_claim_is_named_without_its_value(claim: str, value: Any) -> None:
    with pytest.raises(CatalogError) as caught:
        principal(**{claim: value})
    assert caught.value.reason is Reason.TOKEN_INVALID
    assert caught.value.message.startswith(f"claim {claim} of the token ")
    assert "alice" not in caught.value.message


@given(st.text())
def test_every_accepted_name_can_be_encoded_and_shown_on_one_line(text: str) -> None:
    if is_name(text):
        assert text.encode()
        assert not set(text) & {"\n", "\r", "\x00", "\x1b", "\x85"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(["sub", "roles", "teams", "services", "bot", "exp"], json_values))
)
def test_any_claims_give_a_principal_or_an_invalid_token(claims: dict[str, Any]) -> None:
    reason = None
    try:
        read_principal(claims, OWN, 0)
    except CatalogError as error:
        reason = error.reason
    assert reason in {None, Reason.TOKEN_INVALID}
