"""May they? Asks the policies for the writes of one batch, each distinct question once."""

import dataclasses

from dashboard_catalog.auth.policies import Authorizer
from dashboard_catalog.auth.principal import Action, Resource
from dashboard_catalog.catalog.authorization import AssetResources, absent_asset
from dashboard_catalog.catalog.model.commands import AssetName, AssetWrite, Verb, text_of
from dashboard_catalog.store.records import AssetRecord


class WritePermissions:
    """Checks the writes of one batch.

    Every method returns if the writer may do it, and raises PERMISSION_DENIED otherwise.
    """

    def __init__(self, authorizer: Authorizer, resources: AssetResources) -> None:
        self._authorizer = authorizer
        self._resources = resources
        self._allowed: dict[tuple[int, Verb, Action, int], Resource] = {}

    def check_create(self, write: AssetWrite, key: AssetName) -> None:
        """Checks the creation of an asset, as it is sent."""
        self._check(write, Action.CREATE, self._resources.sent(write, key))

    def check_update(self, write: AssetWrite, stored: AssetRecord) -> None:
        """Checks a change of an asset as it is stored, and in the domain that the write would move it to."""
        resource = self._resources.stored(write.kind, stored.service_id, stored)
        self._check(write, Action.UPDATE, resource)
        if "domain" in write.values or "domain" in write.mask:
            self._check(write, Action.UPDATE, self._resources.moved(resource, write.values.get("domain")))

    def check(self, write: AssetWrite, action: Action, stored: AssetRecord | None) -> None:
        """Checks another action with an asset as it is stored, or with one that does not exist."""
        if stored is None:
            self._check(write, action, absent_asset(write.kind, write.key))
        else:
            self._check(write, action, self._resources.stored(write.kind, stored.service_id, stored))

    def _check(self, write: AssetWrite, action: Action, resource: Resource) -> None:
        # A stream asks the same about each of its items. The resource is kept, so that no other one gets its id.
        question = (id(write.writer), write.verb, action, id(resource))
        if question not in self._allowed:
            self._ask(write, action, resource)
            self._allowed[question] = resource

    def _ask(self, write: AssetWrite, action: Action, resource: Resource) -> None:
        # Named as the caller did: a denial must not say whether the thing exists.
        resource = dataclasses.replace(resource, name=text_of(write.key))
        if write.writer.overrides:
            self._authorizer.check(write.writer.principal, Action.OVERRIDE_METADATA, resource)
        asked = write.verb.value if write.verb is Verb.UPSERT else action.value
        self._authorizer.check(write.writer.principal, action, resource, asked)
