"""Decides who may do what, by policies that can be replaced while the server runs.

Knows the three parts of a question (`principal`), not what is stored; the caller brings what decides.
"""

from pathlib import Path

import structlog

from dashboard_catalog.auth.decisions import Decisions
from dashboard_catalog.auth.policy_files import (
    DEFAULT_FOLDER,
    PolicyError,
    policies_stamp,
    read_policies,
    read_schema,
)
from dashboard_catalog.auth.principal import Action, Principal, Resource
from dashboard_catalog.errors import CatalogError, Reason

__all__ = ["ActionDenied", "Authorizer", "PolicyError"]

_log = structlog.get_logger("dashboard_catalog.audit")


class ActionDenied(CatalogError):
    """The caller may not do it. Says no more than they did, so that it tells nothing of what exists.

    Args:
        action: What was decided.
        policies: Those that decided, for the log.
        asked: What the caller asked for, where the name of the action says more than they did.
    """

    def __init__(
        self, principal: Principal, action: str, resource: Resource, policies: tuple[str, ...] = (), asked: str = ""
    ) -> None:
        asked = asked or str(action)
        thing = f"{resource.kind} {resource.name}".strip()
        text = f"{principal.subject} may not {asked} {thing}"
        super().__init__(Reason.ACTION_DENIED, text, metadata={"action": asked, "resource": thing})
        self._line = {
            "subject": principal.subject,
            "action": str(action),
            "resource_kind": resource.kind,
            "resource_name": resource.name,
            "policies": policies,
        }

    def log(self, call_id: str) -> None:
        """Leaves the audit line. It is for whoever tells the caller, since they know the call, and tell it once."""
        _log.warning("denied", call_id=call_id, **self._line)


class Authorizer:
    """Answers whether a principal may do something, by the policies of a folder."""

    def __init__(self, policy_dir: Path | None) -> None:
        """Loads the policies.

        Args:
            policy_dir: Folder of `*.cedar` files; None for the set in the package.

        Raises:
            PolicyError: If the policies cannot be read, or do not fit the schema.
        """
        self._folder = DEFAULT_FOLDER if policy_dir is None else policy_dir
        self._replaceable = policy_dir is not None
        self._schema = read_schema()
        self._stamp = policies_stamp(self._folder)
        self._decisions = self._load()

    def allows(self, principal: Principal, action: Action, resource: Resource) -> bool:
        """Returns whether `principal` may do `action` with `resource`."""
        return self._decisions.decide(principal, action, resource).allowed

    def check(self, principal: Principal, action: Action, resource: Resource, asked: str = "") -> None:
        """Returns if `principal` may do `action` with `resource`.

        Args:
            asked: See `ActionDenied`.

        Raises:
            ActionDenied: If they may not.
        """
        decision = self._decisions.decide(principal, action, resource)
        if not decision.allowed:
            raise ActionDenied(principal, action, resource, decision.policies, asked)

    def reload_if_changed(self) -> bool:
        """Loads the policies again if a file of the folder has changed, and forgets decisions.

        Policies that cannot be used are logged once, and those in force stay.

        Returns:
            Whether other policies are in force now.
        """
        if not self._replaceable:
            return False
        stamp = policies_stamp(self._folder)
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            self._decisions = self._load()
        except PolicyError as error:
            _log.error("policies_refused", folder=str(self._folder), problem=str(error))
            return False
        return True

    def _load(self) -> Decisions:
        policies = read_policies(self._folder, self._schema)
        _log.info("policies_loaded", folder=str(self._folder), policies=len(policies))
        return Decisions(policies)
