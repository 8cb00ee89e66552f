"""Compiled Cedar policies and the answers that they have given.

A question holds only what can decide it. Policies see owners, domain and tags as groups that a resource
is `in`; a group that neither a policy names nor the caller acts for cannot change an answer and is left
out, so that ten thousand assets with other tags are a handful of questions.
"""

import json
import re
from functools import lru_cache
from typing import Any, NamedTuple

import cedarpy
import structlog

from dashboard_catalog.auth.principal import ASSET_KINDS, Action, Principal, Resource

DECISIONS_KEPT = 10_000

_GROUP_TYPES = frozenset({"Owner", "Domain", "Classification", "Tag"})
_SEGMENT = re.compile(r'(?:"(?:[^"]|"")*"|[^."]+)(?=\.|$)')
_log = structlog.get_logger("dashboard_catalog.audit")


class Group(NamedTuple):
    """A Cedar entity that a resource can be in: its type and id."""

    type: str
    id: str


class Decision(NamedTuple):
    """An answer, with the `@id`s of the policies that determined it."""

    allowed: bool
    policies: tuple[str, ...]


class Question(NamedTuple):
    """All that can decide, and the key under which the answer is remembered."""

    subject: str
    roles: frozenset[str]
    teams: frozenset[str]
    services: frozenset[str] | None
    bot: bool
    action: Action
    kind: str
    service: str | None
    service_type: str | None
    owned_as: frozenset[str]
    groups: frozenset[Group]


class Decisions:
    """Answers questions by one set of policies, each distinct question once while it is remembered."""

    def __init__(self, policies: cedarpy.PolicySet, kept: int = DECISIONS_KEPT) -> None:
        self._policies = policies
        self._named_groups = frozenset(
            Group(str(uid.type), uid.id)
            for uid in cedarpy.pst.entity_uids(policies.to_pst())
            if str(uid.type) in _GROUP_TYPES
        )
        self._decide = lru_cache(maxsize=kept)(self._evaluate)

    def decide(self, principal: Principal, action: Action, resource: Resource) -> Decision:
        """Returns whether `principal` may do `action` with `resource`, and by which policies."""
        groups = self._named_groups and self._named_groups & _groups_of(resource)
        question = Question(
            principal.subject,
            principal.roles,
            principal.teams,
            principal.services,
            principal.bot,
            action,
            resource.kind,
            resource.service,
            resource.service_type,
            resource.owners and resource.owners & principal.owner_names,
            groups,
        )
        return self._decide(question)

    @property
    def remembered(self) -> int:
        """How many answers are remembered now."""
        return self._decide.cache_info().currsize

    def _evaluate(self, question: Question) -> Decision:
        principal, resource = _principal_entity(question), _resource_entity(question)
        request = {
            "principal": principal["uid"],
            "action": {"type": "Action", "id": question.action.value},
            "resource": resource["uid"],
        }
        result = cedarpy.is_authorized(request, self._policies, json.dumps([principal, resource]))
        names = result.diagnostics.id_annotations_by_reason
        if result.diagnostics.errors:
            # Cedar skips a policy that fails; were it a `forbid`, going on would open what it closes.
            _log.error("policy_failed", action=question.action.value, problems=result.diagnostics.errors)
            return Decision(False, ())
        policies = (names.get(policy, policy) for policy in result.diagnostics.reasons)
        return Decision(result.allowed, tuple(sorted(policies)))


def _groups_of(resource: Resource) -> set[Group]:
    groups = {Group("Owner", owner) for owner in resource.owners}
    if resource.domain is not None:
        groups |= {Group("Domain", fqn) for fqn in _with_those_above(resource.domain)}
    for tag in resource.tags:
        classification, *tags = _with_those_above(tag)
        groups.add(Group("Classification", classification))
        groups |= {Group("Tag", fqn) for fqn in tags}
    return groups


def _with_those_above(fqn: str) -> list[str]:
    """Returns the FQNs of all that is above `fqn`, topmost first, and `fqn`."""
    return [fqn[: segment.end()] for segment in _SEGMENT.finditer(fqn)] or [fqn]


def _principal_entity(question: Question) -> dict[str, Any]:
    owner_names = [f"user:{question.subject}", *(f"team:{team}" for team in question.teams)]
    attributes: dict[str, Any] = {
        "bot": question.bot,
        "owns_as": [_reference("Owner", name) for name in owner_names],
    }
    if question.services is not None:
        attributes["services"] = [_reference("BiService", service) for service in question.services]
    roles = [{"type": "Role", "id": role} for role in question.roles]
    teams = [{"type": "Team", "id": team} for team in question.teams]
    return {"uid": {"type": "User", "id": question.subject}, "attrs": attributes, "parents": roles + teams}


def _resource_entity(question: Question) -> dict[str, Any]:
    attributes: dict[str, Any] = {"kind": question.kind}
    parents = [{"type": group.type, "id": group.id} for group in question.groups]
    parents += [{"type": "Owner", "id": name} for name in question.owned_as]
    if question.service is not None:
        attributes["service"] = _reference("BiService", question.service)
        parents.append({"type": "BiService", "id": question.service})
    if question.service_type is not None:
        attributes["service_type"] = question.service_type
    entity_type = "Asset" if question.kind in ASSET_KINDS else "Entity"
    return {"uid": {"type": entity_type, "id": ""}, "attrs": attributes, "parents": parents}


def _reference(entity_type: str, entity_id: str) -> dict[str, Any]:
    return {"__entity": {"type": entity_type, "id": entity_id}}
