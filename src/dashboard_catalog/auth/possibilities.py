"""Whether a caller could ever, or always, do something: an answer for all resources at once, without knowing one.

Cedar evaluates the policies with an unknown resource. What remains of a policy is looked at only as far as needed to
see that it cannot hold, so a caller who may do something to any resource is never turned away.
"""

import json
from functools import lru_cache
from typing import Any, NamedTuple

import cedarpy

from dashboard_catalog.auth.decisions import principal_entity
from dashboard_catalog.auth.principal import Action, Principal

_KEPT = 10_000


class _Question(NamedTuple):
    principal: Principal
    action: Action
    owns: bool


class _Resources(NamedTuple):
    """Whether an action may be done on some resource, unless that is out of the question, and whether on all."""

    some: bool
    all: bool


class Possibilities:
    """Answers by one set of policies, and remembers the most recent answers."""

    def __init__(self, policies: cedarpy.PolicySet) -> None:
        self._policies = policies
        self._ask = lru_cache(maxsize=_KEPT)(self._evaluate)

    def may_allow(self, principal: Principal, action: Action, *, owns: bool) -> bool:
        """Returns whether there can be a resource on which `principal` may do `action`.

        Args:
            owns: Whether the principal may own that resource.
        """
        return self._ask(_Question(principal, action, owns)).some

    def allows_everything(self, principal: Principal, action: Action) -> bool:
        """Returns whether `principal` may do `action` on every resource, whatever its kind and attributes."""
        return self._ask(_Question(principal, action, owns=False)).all

    def _evaluate(self, question: _Question) -> _Resources:
        principal = question.principal
        entity = principal_entity(principal, principal.owner_names if question.owns else ())
        # Without the action itself, Cedar would not know whether it is in a list of actions.
        action = {"uid": {"type": "Action", "id": question.action.value}, "attrs": {}, "parents": []}
        # Cedar escapes a text as JSON does, and the apostrophe too.
        quoted = json.dumps(principal.subject, ensure_ascii=False).replace("'", "\\'")
        request = {
            "principal": f"User::{quoted}",
            "action": f'Action::"{question.action}"',
            "context": {},
        }
        result = cedarpy.is_authorized_partial(request, self._policies, json.dumps([entity, action]))
        if result.diagnostics.errors:
            # Such as a subject that Cedar does not take in this form. Each write is decided on its own anyway.
            return _Resources(some=True, all=False)
        if result.decision is not cedarpy.Decision.NoDecision:
            allowed = result.decision is cedarpy.Decision.Allow
            return _Resources(some=allowed, all=allowed)
        permits = (policy for policy in result.residuals.values() if policy["effect"] == "permit")
        return _Resources(
            some=any(all(map(_condition_can_hold, policy["conditions"])) for policy in permits), all=False
        )


def _condition_can_hold(condition: dict[str, Any]) -> bool:
    return condition["kind"] != "when" or _can_hold(condition["body"])


def _can_hold(expression: dict[str, Any]) -> bool:
    """Returns False if an expression of a policy is false for every resource, as far as this is easy to see."""
    match expression:
        case {"Value": False} | {"in": {"right": {"Set": []}}}:
            return False
        case {"&&": {"left": left, "right": right}}:
            return _can_hold(left) and _can_hold(right)
        case {"||": {"left": left, "right": right}}:
            return _can_hold(left) or _can_hold(right)
    return True
