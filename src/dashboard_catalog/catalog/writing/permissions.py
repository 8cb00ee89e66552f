"""May they? Asks the policies for the writes of one batch, each distinct question once."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from dashboard_catalog.auth.policies import ActionDenied, Authorizer
from dashboard_catalog.auth.principal import Action, Principal, Resource
from dashboard_catalog.catalog.authorization import AssetResources, absent_asset, answer_if_absent
from dashboard_catalog.catalog.model.commands import AssetName, AssetWrite, SentReference, Verb, text_of
from dashboard_catalog.catalog.model.kinds import AssetKind
from dashboard_catalog.catalog.visibility.sight import Sight
from dashboard_catalog.store.records import AssetRecord, EntityRecord

# What owning an asset may permit, with who has deleted it by then.
_OWNERS_ACTIONS = (
    (Action.UPDATE, None),
    (Action.DELETE, None),
    (Action.RESTORE, "edit"),
    (Action.RESTORE, "ingestion"),
    (Action.HARD_DELETE, None),
    (Action.OVERRIDE_METADATA, None),
)


class WritePermissions:
    """Checks the writes of one batch.

    The methods `check...` return if the writer may do it, and raise PERMISSION_DENIED otherwise. A denial names the
    asset and the action as the caller did, so it does not say whether the asset exists.
    """

    def __init__(self, authorizer: Authorizer, resources: AssetResources, sight: Sight) -> None:
        self._authorizer = authorizer
        self._resources = resources
        self._sight = sight
        self._allowed: dict[tuple[int, Verb, Action, int], Resource] = {}

    def check_create(self, write: AssetWrite, key: AssetName) -> None:
        """Checks the creation of an asset, as it is sent."""
        self._check(write, Action.CREATE, self._resources.sent(write, key))

    def check_create_nowhere(self, write: AssetWrite, key: AssetName, denial: ActionDenied) -> None:
        """Checks the creation of an asset in a BI service that does not exist, as far as the writer may know.

        Args:
            denial: The denial of the write as it is, for the log.
        """
        try:
            self._ask(write, Action.CREATE, dataclasses.replace(self._resources.sent(write, key), service_type=None))
        except ActionDenied as answer:
            raise denial.answered_with(answer) from None

    def check_update(self, write: AssetWrite, stored: AssetRecord) -> None:
        """Checks a change of an asset as it is stored, and in the domain that the write would move it to.

        Who makes themselves an owner needs every permission that this would give them.
        """
        resource = self._stored(write.kind, stored)
        self._check(write, Action.UPDATE, resource)
        if "domain" in write.values or "domain" in write.mask:
            self._check(write, Action.UPDATE, self._resources.moved(resource, write.values.get("domain")))
        owners = write.values.get("owners")
        if owners and any(_may_be(sent, write.writer.principal) for sent in owners):
            self._check_gain(write, resource, self._resources.handed_over(resource, owners))

    def check_restore(self, write: AssetWrite, stored: AssetRecord) -> None:
        """Checks the restoration of a deleted asset, whichever verb restores it."""
        self._check(write, Action.RESTORE, self._resources.restored(self._stored(write.kind, stored), stored))

    def check_release(self, write: AssetWrite, stored: AssetRecord) -> None:
        """Checks that a write may give back to ingestion what people have decided.

        Ingestion would write it over then, so it needs the permission for that.
        """
        if write.writer.ingests and not write.writer.overrides:
            self._check(write, Action.OVERRIDE_METADATA, self._stored(write.kind, stored))

    def check(self, write: AssetWrite, action: Action, stored: AssetRecord | None) -> None:
        """Checks another action with an asset as it is stored, or with one that does not exist."""
        if stored is None:
            self._check(write, action, absent_asset(write.kind, write.key))
        elif action is Action.RESTORE and stored.deleted:
            self.check_restore(write, stored)
        else:
            self._check(write, action, self._stored(write.kind, stored))

    def check_found(self, write: AssetWrite, action: Action, stored: AssetRecord | None) -> None:
        """Checks an action like `check`. An asset that the writer may not view does not exist for them.

        Raises:
            CatalogError: PERMISSION_DENIED or NOT_FOUND, whichever the asset would be answered with if it did not
                exist.
        """
        try:
            self.check(write, action, stored)
        except ActionDenied as denial:
            if stored is None or self.shows(write, self._sight.known.get(stored.service_id)):
                raise
            answer = answer_if_absent(lambda: self.check(write, action, None), write.kind.name, text_of(write.key))
            raise denial.answered_with(answer) from None

    def shows(self, write: AssetWrite, service: EntityRecord | None) -> bool:
        """Says whether the writer may view the assets of the kind in a BI service."""
        return self._sight.shows(write.writer.principal, write.kind, service)

    def knows(self, write: AssetWrite, key: AssetName, service: EntityRecord) -> bool:
        """Says whether the writer may know that a BI service exists: who may view or create its assets may."""
        if self.shows(write, service):
            return True
        return self._authorizer.allows(write.writer.principal, Action.CREATE, self._resources.sent(write, key))

    def shown(self, write: AssetWrite, kind: AssetKind, assets: Iterable[Any]) -> list[Any]:
        """Returns those of some assets of a kind that the writer may view."""
        principal, service_of = write.writer.principal, self._sight.known.get
        return [asset for asset in assets if self._sight.shows(principal, kind, service_of(asset.service_id))]

    def allows(self, write: AssetWrite, kind: AssetKind, action: Action, stored: AssetRecord) -> bool:
        """Says whether the writer may do something with another asset than the one that the write names."""
        resource = self._stored(kind, stored)
        if action is Action.RESTORE:
            resource = self._resources.restored(resource, stored)
        return self._authorizer.allows(write.writer.principal, action, resource)

    def _stored(self, kind: AssetKind, stored: AssetRecord) -> Resource:
        return self._resources.stored(kind, stored.service_id, stored)

    def _check_gain(self, write: AssetWrite, before: Resource, after: Resource) -> None:
        principal = write.writer.principal
        for action, deleted_by in _OWNERS_ACTIONS:
            had, gains = (dataclasses.replace(resource, deleted_by=deleted_by) for resource in (before, after))
            if self._authorizer.allows(principal, action, gains):
                self._ask(write, action, had)

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
        if write.writer.preserves:
            self._authorizer.check(write.writer.principal, Action.PRESERVE, resource)
        asked = write.verb.value if write.verb is Verb.UPSERT else action.value
        self._authorizer.check(write.writer.principal, action, resource, asked)


def _may_be(sent: SentReference, principal: Principal) -> bool:
    """Says whether an owner as sent may be the caller or a team of the caller."""
    # If there are other parts, they must agree with the name.
    if not sent.name:
        return True
    return sent.name == principal.subject if sent.type == "user" else sent.name in principal.teams
