"""Authorization by policies that can be replaced while the server runs.

Knows principals, actions and resources, but must not know what is stored: the caller passes in the attributes that
a decision depends on.
"""

from pathlib import Path
from threading import Lock
from typing import Self

import structlog

from dashboard_catalog.auth.decisions import Decisions
from dashboard_catalog.auth.policy_files import (
    DEFAULT_FOLDER,
    PolicyError,
    policies_stamp,
    read_policies,
    read_schema,
)
from dashboard_catalog.auth.possibilities import Possibilities
from dashboard_catalog.auth.principal import Action, Principal, Resource
from dashboard_catalog.error_codes import Reason
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.metrics.declared import AuthMetrics, Metrics

__all__ = ["ActionDenied", "Authorizer", "PolicyError"]

_log = structlog.get_logger("dashboard_catalog.audit")


class ActionDenied(CatalogError):
    """The caller is not allowed to do something. The message repeats only what the caller sent, so it reveals nothing.

    Args:
        action: The action that was denied.
        policies: The policies that determined the decision, for the log.
        asked: The action that the caller requested, if the name of `action` would reveal whether something exists.
        why: What more the caller should know.
    """

    def __init__(
        self,
        principal: Principal,
        action: str,
        resource: Resource,
        policies: tuple[str, ...] = (),
        *,
        asked: str = "",
        why: str = "",
    ) -> None:
        asked = asked or str(action)
        thing = f"{resource.kind} {resource.name}".strip()
        text = f"{principal.subject} may not {asked} {thing}" + (f": {why}" if why else "")
        super().__init__(Reason.ACTION_DENIED, text, metadata={"action": asked, "resource": thing})
        self._line = {
            "subject": principal.subject,
            "action": str(action),
            "resource_kind": resource.kind,
            "resource_name": resource.name,
            "policies": policies,
        }

    def log(self, call_id: str, metrics: AuthMetrics) -> None:
        """Writes the audit line, and counts the denial.

        Called where the error is returned to the caller, which happens once per denial.
        """
        _log.warning("denied", call_id=call_id, **self._line)
        metrics.denied.labels(self._line["action"]).inc()

    def answered_with(self, answer: CatalogError) -> Self:
        """Returns this denial with another answer: that for a thing that does not exist, if it must look like one.

        The log has this denial all the same.
        """
        answered = type(self).__new__(type(self))
        answered.args = answer.args
        vars(answered).update(vars(answer) | {"_line": self._line})
        return answered


class Authorizer:
    """Decides by the policies of a folder what a principal may do."""

    def __init__(self, policy_dir: Path | None, metrics: Metrics | None = None) -> None:
        """Loads the policies.

        Args:
            policy_dir: Folder of `*.cedar` files; None for the default policies of this package.
            metrics: Counts how often they are loaded.

        Raises:
            PolicyError: If the policies cannot be read or do not match the schema.
        """
        self.metrics = (metrics or Metrics()).auth
        """Counts what the policies deny."""
        self._folder = DEFAULT_FOLDER if policy_dir is None else policy_dir
        self._replaceable = policy_dir is not None
        self._schema = read_schema()
        self._reloading = Lock()
        self._stamp = policies_stamp(self._folder)
        self._decisions, self._possibilities = self._load()

    @property
    def revision(self) -> object:
        """The policies in force: another object after each change."""
        return self._decisions

    def allows(self, principal: Principal, action: Action, resource: Resource) -> bool:
        """Returns whether `principal` may do `action` on `resource`."""
        return self._decisions.decide(principal, action, resource).allowed

    def may_allow(self, principal: Principal, action: Action, *, owns: bool) -> bool:
        """Returns whether there can be a resource on which `principal` may do `action`.

        Args:
            owns: Whether the principal may own that resource.
        """
        return self._possibilities.may_allow(principal, action, owns=owns)

    def allows_everything(self, principal: Principal, action: Action) -> bool:
        """Returns whether `principal` may do `action` on every resource, whatever its kind and attributes."""
        return self._possibilities.allows_everything(principal, action)

    def check(self, principal: Principal, action: Action, resource: Resource, asked: str = "") -> None:
        """Does nothing if `principal` may do `action` on `resource`.

        Args:
            asked: See `ActionDenied`.

        Raises:
            ActionDenied: If the principal may not.
        """
        decision = self._decisions.decide(principal, action, resource)
        if not decision.allowed:
            raise ActionDenied(principal, action, resource, decision.policies, asked=asked)

    def reload_if_changed(self) -> bool:
        """Reloads the policies if a file of the folder has changed, and drops the cached decisions.

        If the new policies cannot be used, logs the problem once and keeps the current policies. Waits for another
        thread that is reloading them.

        Returns:
            Whether the policies were replaced.
        """
        if not self._replaceable:
            return False
        with self._reloading:
            stamp = policies_stamp(self._folder)
            if stamp == self._stamp:
                return False
            try:
                self._decisions, self._possibilities = self._load()
            except PolicyError as error:
                _log.error("policies_refused", folder=str(self._folder), problem=str(error))
                self.metrics.count_policy_load("refused")
                self._stamp = stamp
                return False
            # Only now: what failed for another reason than the policies is tried again.
            self._stamp = stamp
            return True

    def _load(self) -> tuple[Decisions, Possibilities]:
        policies = read_policies(self._folder, self._schema)
        decisions, possibilities = Decisions(policies), Possibilities(policies)
        _log.info("policies_loaded", folder=str(self._folder), policies=len(policies))
        self.metrics.count_policy_load("loaded")
        return decisions, possibilities
