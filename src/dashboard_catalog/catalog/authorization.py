"""The questions that the catalog asks the policies: what they see of each thing, and what a caller may view.

Everything that policies decide by is built here. A thing is named as the caller named it, so that a denial does not say
whether it exists. What exists is decided as it is stored, what is new as it is sent.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID

from dashboard_catalog.auth.policies import ActionDenied, Authorizer
from dashboard_catalog.auth.principal import Action, Principal, Resource
from dashboard_catalog.catalog.known.known_entities import KnownEntities
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.commands import AssetKey, AssetName, AssetWrite, text_of
from dashboard_catalog.catalog.model.kinds import ENTITY_KINDS, AssetKind, EntityKind, Kind
from dashboard_catalog.catalog.model.refusals import not_found
from dashboard_catalog.errors import CatalogError
from dashboard_catalog.store.records import AssetRecord, EntityRecord

_BI_SERVICE = ENTITY_KINDS["bi_service"]


class AssetResources:
    """What policies see of the assets of one batch: the same object for all assets that are alike to them."""

    def __init__(self, known_entities: KnownEntities) -> None:
        self._known = known_entities
        self._stored: dict[tuple[Any, ...], Resource] = {}
        self._sent: dict[tuple[Any, ...], Resource] = {}
        self._moved: dict[tuple[Resource, str | None], Resource] = {}
        self._deleted: dict[tuple[Resource, str], Resource] = {}

    def stored(self, kind: AssetKind, service_id: UUID, record: Any) -> Resource:
        """Returns what policies see of an asset that is stored, without its name.

        Args:
            kind: Of the asset.
            service_id: Of its BI service.
            record: A record, or a row, with owners, domain and tags.
        """
        alike = (kind, service_id, record.domain, *record.owners, None, *record.tags)
        if alike not in self._stored:
            service = self._known.get(service_id)
            owners = [owner for id_ in record.owners if (owner := self._known.get(id_))]
            domain = self._known.get(record.domain) if record.domain else None
            self._stored[alike] = dataclasses.replace(
                _in_service(kind, service, service.name if service else None),
                owners=frozenset(f"{owner.kind}:{owner.name}" for owner in owners),
                domain=domain.fqn if domain else None,
                tags=frozenset(self._known.fqns(record.tags)),
            )
        return self._stored[alike]

    def sent(self, write: AssetWrite, key: AssetName) -> Resource:
        """Returns what policies see of an asset that a write would create, without its name."""
        values = write.values
        alike = (write.kind, key.service, values.get("domain"), *values.get("owners", ()), *values.get("tags", ()))
        if alike not in self._sent:
            self._sent[alike] = dataclasses.replace(
                _in_service(write.kind, self._known.service(key.service), key.service),
                owners=frozenset(self._sent_owners(values.get("owners", ()))),
                domain=self._known_domain(values.get("domain")),
                tags=frozenset(values.get("tags", ())),
            )
        return self._sent[alike]

    def moved(self, resource: Resource, domain: str | None) -> Resource:
        """Returns what policies see of an asset that a write moves to another domain, if that exists."""
        known = self._known_domain(domain)
        if known == resource.domain:
            return resource
        if (resource, known) not in self._moved:
            self._moved[resource, known] = dataclasses.replace(resource, domain=known)
        return self._moved[resource, known]

    def restored(self, resource: Resource, record: AssetRecord) -> Resource:
        """Returns what policies see of a deleted asset that is to be restored."""
        by = "edit" if record.deleted_by_edit else "ingestion"
        if (resource, by) not in self._deleted:
            self._deleted[resource, by] = dataclasses.replace(resource, deleted_by=by)
        return self._deleted[resource, by]

    def handed_over(self, resource: Resource, owners: Iterable[Any]) -> Resource:
        """Returns what policies see of an asset that a write gives other owners."""
        return dataclasses.replace(resource, owners=frozenset(self._sent_owners(owners)))

    def _known_domain(self, fqn: str | None) -> str | None:
        """Returns a domain as policies see it: none where it does not exist."""
        return fqn if fqn and self._known.find("domain", fqn) else None

    def _sent_owners(self, owners: Iterable[Any]) -> Iterable[str]:
        for sent in owners:
            known = self._known.get(UUID(sent.id)) if sent.id else self._known.find(sent.type, sent.fqn)
            yield f"{sent.type}:{known.name if known else sent.name}"


def absent_asset(kind: AssetKind, key: AssetKey) -> Resource:
    """Returns what policies see of an asset that does not exist: its BI service, if the key names it."""
    return Resource(kind.name, name=text_of(key), service=key.service if isinstance(key, AssetName) else None)


def viewed(kind: Kind, service: EntityRecord) -> Resource:
    """Returns what decides who may view the assets of a kind in a BI service, or the service itself."""
    return (
        _in_service(kind, service, service.name) if isinstance(kind, AssetKind) else entity(kind, service, service.fqn)
    )


def entity(kind: EntityKind, record: EntityRecord | None, key: str | UUID) -> Resource:
    """Returns what policies see of an entity, or of one that does not exist.

    Args:
        kind: Of the entity.
        record: The entity as it is stored, if it is.
        key: Id or fully qualified name that the caller gave.
    """
    if kind.name != "bi_service":
        return Resource(kind.name, name=str(key))
    name = record.name if record else names.split(key)[-1] if isinstance(key, str) else None
    service_type = record.attributes["service_type"] if record else None
    return Resource(kind.name, name=str(key), service=name, service_type=service_type)


def check_entity(
    authorizer: Authorizer,
    principal: Principal,
    action: Action,
    kind: EntityKind,
    *,
    record: EntityRecord,
    key: str | UUID,
) -> None:
    """Returns if the caller may do `action` with an entity.

    An entity that the caller may not view does not exist for them.

    Args:
        kind: Of the entity.
        record: The entity as it is stored.
        key: Id or fully qualified name that the caller gave.

    Raises:
        CatalogError: PERMISSION_DENIED, or NOT_FOUND for an entity that the caller may not view.
    """
    resource = entity(kind, record, key)
    try:
        authorizer.check(principal, action, resource)
    except ActionDenied as denial:
        if action is not Action.VIEW and authorizer.allows(principal, Action.VIEW, resource):
            raise
        absent = entity(kind, None, key)
        answer = answer_if_absent(lambda: authorizer.check(principal, action, absent), kind.name, str(key))
        raise denial.answered_with(answer) from None


def answer_if_absent(check: Callable[[], None], kind: str, key: str) -> CatalogError:
    """Returns the error for a thing that does not exist, and so for one that the caller may not view.

    Args:
        check: Raises `ActionDenied` if the caller may not do to an absent thing what they asked for.
        kind: Name of its kind.
        key: What the caller named it by.
    """
    try:
        check()
    except ActionDenied as denial:
        return denial
    return not_found(kind, key)


def swept_service(
    authorizer: Authorizer, principal: Principal, name: str, service: EntityRecord | None
) -> EntityRecord | None:
    """Returns the BI service of this raw name if the caller may sweep it; None if it does not exist.

    A service that the caller may not view does not exist for them either.

    Raises:
        CatalogError: PERMISSION_DENIED.
    """
    absent = Resource("bi_service", name=names.quote(name), service=name)
    if service is not None:
        resource = dataclasses.replace(viewed(_BI_SERVICE, service), name=absent.name)
        if authorizer.allows(principal, Action.SWEEP, resource):
            return service
        if authorizer.allows(principal, Action.VIEW, resource):
            authorizer.check(principal, Action.SWEEP, resource)
    authorizer.check(principal, Action.SWEEP, absent)
    return None


def foreign_session(principal: Principal, session_id: UUID) -> ActionDenied:
    """Returns the refusal of a bulk session that another caller has begun."""
    return ActionDenied(principal, "resume", Resource("session", name=str(session_id)))


def may_revert_sessions(authorizer: Authorizer, principal: Principal, service: EntityRecord | None) -> bool:
    """Says whether a caller may see and revert the bulk sessions of a BI service, whoever has begun them.

    Args:
        service: None for sessions that name no BI service, or one that has been removed for good. They may be about
            anything, so they are hidden from callers who may not view everything.
    """
    if service is None and not authorizer.allows_everything(principal, Action.VIEW):
        return False
    resource = viewed(_BI_SERVICE, service) if service else Resource(_BI_SERVICE.name)
    return authorizer.allows(principal, Action.REVERT_SESSION, resource)


def viewable_services(
    authorizer: Authorizer, principal: Principal, kind: Kind, services: Sequence[EntityRecord]
) -> list[EntityRecord]:
    """Returns the BI services whose assets of a kind, or which themselves, the caller may view.

    Args:
        authorizer: Decides.
        principal: The caller.
        kind: A kind of asset, or `bi_service` for the services themselves.
        services: Those to choose from.
    """
    return [service for service in services if authorizer.allows(principal, Action.VIEW, viewed(kind, service))]


def check_views_any(authorizer: Authorizer, principal: Principal, kind: Kind, service_fqn: str = "") -> None:
    """Returns if the caller may view things of a kind whose attributes are not known.

    Args:
        authorizer: Decides.
        principal: The caller.
        kind: Of the things.
        service_fqn: BI service that the caller asked for, for the message.

    Raises:
        CatalogError: PERMISSION_DENIED.
    """
    authorizer.check(principal, Action.VIEW, Resource(kind.name, name=service_fqn))


def _in_service(kind: AssetKind, service: EntityRecord | None, service_name: str | None) -> Resource:
    service_type = service.attributes["service_type"] if service else None
    return Resource(kind.name, service=service_name, service_type=service_type)
