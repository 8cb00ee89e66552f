"""Policies see groups, and a question contains only the groups that can affect its answer."""

import dataclasses
import json

import cedarpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from dashboard_catalog.auth.decisions import (
    Decisions,
    Question,
    _groups_of,
    _resource_entity,
    principal_entity,
)
from dashboard_catalog.auth.policy_files import read_schema
from dashboard_catalog.auth.principal import Action, Principal, Resource

EDITOR = Principal("alice", frozenset({"editor"}), frozenset({"Finance"}), None, bot=False, expires_at=None)

# Each name is spelled so that leaving too much out of a question would change an answer.
POLICIES = """
@id("domain")
permit (principal in Role::"editor", action == Action::"view", resource in Domain::"Finance");
@id("tag")
forbid (principal, action, resource in Tag::"PII.Sensitive");
@id("class")
permit (principal, action == Action::"update", resource in Classification::"Tier");
@id("owner")
permit (principal, action == Action::"delete", resource in Owner::"team:Finance");
@id("own")
permit (principal, action == Action::"restore", resource) when { resource in principal.owns_as };
@id("service")
permit (principal == User::"alice", action == Action::"create", resource in BiService::"looker");
@id("team")
permit (principal in Team::"Ops", action == Action::"sweep", resource is Asset)
unless { resource in [Domain::"Sales", Domain::"Finance.Tax"] };
"""


def decisions(text: str = POLICIES, kept: int = 100) -> Decisions:
    assert cedarpy.validate_policies(text, read_schema())
    return Decisions(cedarpy.PolicySet.from_str(text), kept)


@pytest.mark.parametrize(
    ("action", "resource", "by"),
    [
        (Action.VIEW, Resource("dashboard", domain="Finance"), ["domain"]),
        (Action.VIEW, Resource("dashboard", domain="Finance.Tax"), ["domain"]),
        (Action.VIEW, Resource("dashboard", domain='Finance."a.b"'), ["domain"]),
        (Action.VIEW, Resource("dashboard", domain='"Finance.Tax"'), []),
        (Action.VIEW, Resource("dashboard", domain="FinanceTax"), []),
        (Action.VIEW, Resource("dashboard"), []),
        (Action.UPDATE, Resource("dashboard", tags=frozenset({"Tier.Gold"})), ["class"]),
        (Action.UPDATE, Resource("dashboard", tags=frozenset({"Other.Tier"})), []),
        (Action.DELETE, Resource("dashboard", owners=frozenset({"team:Finance"})), ["owner"]),
        (Action.DELETE, Resource("dashboard", owners=frozenset({"user:Finance"})), []),
        (Action.RESTORE, Resource("dashboard", owners=frozenset({"user:bob", "team:Finance"})), ["own"]),
        (Action.CREATE, Resource("dashboard", service="looker"), ["service"]),
        (Action.CREATE, Resource("dashboard", service="tableau"), []),
    ],
)
def test_a_policy_sees_the_groups_of_a_resource(action: Action, resource: Resource, by: list[str]) -> None:
    decision = decisions().decide(EDITOR, action, resource)
    assert decision == (bool(by), tuple(by))


@pytest.mark.parametrize("tag", ["PII.Sensitive", "PII.Sensitive.Name"])
def test_a_forbid_by_a_tag_wins_over_a_permit(tag: str) -> None:
    resource = Resource("dashboard", domain="Finance", tags=frozenset({tag, "Tier.Gold"}))
    assert decisions().decide(EDITOR, Action.VIEW, resource) == (False, ("tag",))


segments = st.sampled_from(["Finance", "Sales", "Tax", "PII", "Sensitive", "Tier", '"a.b"'])
fqns = st.lists(segments, min_size=1, max_size=3).map(".".join)
owner_names = st.sampled_from(["user:alice", "user:bob", "team:Finance", "team:Ops"])


@given(
    principal=st.builds(
        Principal,
        subject=st.sampled_from(["alice", "bob"]),
        roles=st.frozensets(st.sampled_from(["editor", "other"])),
        teams=st.frozensets(st.sampled_from(["Finance", "Ops"])),
        services=st.none(),
        bot=st.booleans(),
        expires_at=st.none(),
    ),
    action=st.sampled_from([action for action in Action if action is not Action.WRITE]),
    resource=st.builds(
        Resource,
        kind=st.sampled_from(["dashboard", "chart"]),
        service=st.sampled_from([None, "looker", "tableau"]),
        owners=st.frozensets(owner_names),
        domain=st.none() | fqns,
        tags=st.frozensets(fqns, max_size=3),
    ),
)
def test_groups_left_out_of_a_question_decide_nothing(principal: Principal, action: Action, resource: Resource) -> None:
    everything = Question(
        *(principal.subject, principal.roles, principal.teams, principal.services, principal.bot, action),
        *(resource.kind, resource.service, resource.service_type, resource.deleted_by, resource.owners),
        frozenset(_groups_of(resource)),
    )
    assert SHARED.decide(principal, action, resource) == SHARED._evaluate(everything)


def test_entities_fit_the_schema() -> None:
    resource = Resource(
        *("dashboard", "x", "looker", "Looker", frozenset({"user:alice"}), "A.B", frozenset({"C.D"})),
        deleted_by="edit",
    )
    limited = dataclasses.replace(EDITOR, services=frozenset({"looker"}), bot=True)
    question = Question(
        *(limited.subject, limited.roles, limited.teams, limited.services, limited.bot, Action.VIEW),
        *("dashboard", resource.service, resource.service_type, resource.deleted_by, resource.owners),
        frozenset(_groups_of(resource)),
    )
    entities = [principal_entity(question, EDITOR.owner_names), _resource_entity(question)]
    entities.append(_resource_entity(question._replace(kind="domain", deleted_by=None)))
    assert len(cedarpy.Entities.from_json_str(json.dumps(entities), read_schema())) > 3


def test_things_that_no_policy_distinguishes_are_one_question() -> None:
    answers = decisions('permit (principal, action, resource in Domain::"Finance");')
    for number in range(50):
        resource = Resource(
            "dashboard",
            name=f"looker.{number}",
            owners=frozenset({f"user:{number}"}),
            domain=f"Finance.{number}",
            tags=frozenset({f"PII.{number}"}),
        )
        assert answers.decide(EDITOR, Action.VIEW, resource).allowed
    assert answers.remembered == 1


def test_the_expiry_of_a_token_is_not_part_of_a_question() -> None:
    answers = decisions()
    answers.decide(EDITOR, Action.VIEW, Resource("chart"))
    answers.decide(dataclasses.replace(EDITOR, expires_at=None), Action.VIEW, Resource("chart"))
    assert answers.remembered == 1


def test_the_cache_of_answers_is_bounded_and_drops_the_oldest() -> None:
    answers = decisions(kept=10)
    for number in range(40):
        answers.decide(EDITOR, Action.CREATE, Resource("dashboard", service=f"s{number}"))
    assert answers.remembered == 10
    assert answers.decide(EDITOR, Action.CREATE, Resource("dashboard", service="looker")).allowed


def test_a_policy_that_fails_during_evaluation_denies() -> None:
    # Validation cannot detect an overflow, and Cedar would skip this forbid and permit.
    answers = decisions(
        """permit (principal, action, resource);
        forbid (principal, action, resource) when { 9223372036854775807 + 1 > 0 };"""
    )
    with capture_logs() as logs:
        assert answers.decide(EDITOR, Action.VIEW, Resource("chart")) == (False, ())
    assert [line["event"] for line in logs] == ["policy_failed"]


SHARED = decisions()
