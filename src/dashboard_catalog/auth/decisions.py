"""Evaluates compiled Cedar policies and caches the decisions.

A question contains only what can change its answer. Policies see owners, domain and tags as groups that a resource
is `in`. A group that no policy names and that the caller does not act for cannot change the answer, so it is left
out. This way, ten thousand assets with different tags need only a handful of decisions.
"""

import json
import re
from collections.abc import Iterable
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
    """A Cedar entity that a resource can be in, by type and id."""

    type: str
    id: str


class Decision(NamedTuple):
    """Whether an action is allowed, with the `@id`s of the policies that determined it."""

    allowed: bool
    policies: tuple[str, ...]


class Question(NamedTuple):
    """Everything that can change a decision. It is also the key of the cache."""

    subject: str
    roles: frozenset[str]
    teams: frozenset[str]
    services: frozenset[str] | None
    bot: bool
    action: Action
    kind: str
    service: str | None
    service_type: str | None
    deleted_by: str | None
    owned_as: frozenset[str]
    groups: frozenset[Group]


class Decisions:
    """Makes decisions by one set of policies and caches the most recent ones.

    Args:
        kept: Maximum number of cached decisions.
    """

    def __init__(self, policies: cedarpy.PolicySet, kept: int = DECISIONS_KEPT) -> None:
        self._policies = policies
        self._named_groups = frozenset(
            Group(str(uid.type), uid.id)
            for uid in cedarpy.pst.entity_uids(policies.to_pst())
            if str(uid.type) in _GROUP_TYPES
        )
        self._decide = lru_cache(maxsize=kept)(self._evaluate)

    def decide(self, principal: Principal, action: Action, resource: Resource) -> Decision:
        """Returns whether `principal` may do `action` on `resource`, and which policies determined it."""
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
            resource.deleted_by,
            resource.owners and resource.owners & principal.owner_names,
            groups,
        )
        return self._decide(question)

    @property
    def remembered(self) -> int:
        """The number of cached decisions."""
        return self._decide.cache_info().currsize

    def _evaluate(self, question: Question) -> Decision:
        owner_names = [f"user:{question.subject}", *(f"team:{team}" for team in question.teams)]
        principal, resource = principal_entity(question, owner_names), _resource_entity(question)
        request = {
            "principal": principal["uid"],
            "action": {"type": "Action", "id": question.action.value},
            "resource": resource["uid"],
        }
        result = cedarpy.is_authorized(request, self._policies, json.dumps([principal, resource]))
        names = result.diagnostics.id_annotations_by_reason
        if result.diagnostics.errors:
            # Cedar skips a policy that fails. If it is a `forbid`, skipping it would allow what it forbids.
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
    """Returns the FQNs of everything above `fqn`, topmost first, followed by `fqn` itself."""
    return [fqn[: segment.end()] for segment in _SEGMENT.finditer(fqn)] or [fqn]


def principal_entity(principal: Principal | Question, owner_names: Iterable[str]) -> dict[str, Any]:
    """Returns the Cedar entity of a caller.

    Args:
        owner_names: `user:NAME` and `team:NAME` of the owners that the caller acts for.
    """
    attributes: dict[str, Any] = {
        "bot": principal.bot,
        "owns_as": [_reference("Owner", name) for name in owner_names],
    }
    if principal.services is not None:
        attributes["services"] = [_reference("BiService", service) for service in principal.services]
    roles = [{"type": "Role", "id": role} for role in principal.roles]
    teams = [{"type": "Team", "id": team} for team in principal.teams]
    return {"uid": {"type": "User", "id": principal.subject}, "attrs": attributes, "parents": roles + teams}


def _resource_entity(question: Question) -> dict[str, Any]:
    attributes: dict[str, Any] = {"kind": question.kind}
    parents = [{"type": group.type, "id": group.id} for group in question.groups]
    parents += [{"type": "Owner", "id": name} for name in question.owned_as]
    if question.service is not None:
        attributes["service"] = _reference("BiService", question.service)
        parents.append({"type": "BiService", "id": question.service})
    if question.service_type is not None:
        attributes["service_type"] = question.service_type
    if question.deleted_by is not None:
        attributes["deleted_by"] = question.deleted_by
    entity_type = "Asset" if question.kind in ASSET_KINDS else "Entity"
    return {"uid": {"type": entity_type, "id": ""}, "attrs": attributes, "parents": parents}


def _reference(entity_type: str, entity_id: str) -> dict[str, Any]:
    return {"__entity": {"type": entity_type, "id": entity_id}}
