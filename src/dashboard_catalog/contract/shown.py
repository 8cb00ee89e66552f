"""The messages of things as a read mask shows them."""

from typing import Any, Generic, NamedTuple, TypeVar

from dashboard_catalog.catalog.reading.views import AssetView, EntityView
from dashboard_catalog.contract import wire
from dashboard_catalog.contract.fitting import fit
from dashboard_catalog.contract.kinds import ASSET_MESSAGES
from dashboardcatalog.v1 import entity_pb2

V = TypeVar("V", bound=AssetView | EntityView)


class Shown(NamedTuple, Generic[V]):
    """One thing of a page, for doors whose answers need more of it than its message."""

    view: V
    message: Any

    def ByteSize(self) -> int:  # noqa: N802 - the name of protobuf
        """Returns the size of the message, by which a page is filled."""
        return int(self.message.ByteSize())


def shown(view: V) -> Shown[V]:
    """Returns a thing with its whole message, as far as it is not too large."""
    return Shown(view, shown_asset(view, None) if isinstance(view, AssetView) else shown_entity(view, None))


def shown_asset(view: AssetView, only: frozenset[str] | None) -> Any:
    """Returns the message of an asset, as far as it is not too large.

    Args:
        only: The fields to show; None for all.
    """
    asset = ASSET_MESSAGES[view.kind.name].resource(**shown_fields(view, only))
    fit(asset)
    return asset


def shown_fields(view: AssetView, only: frozenset[str] | None) -> dict[str, Any]:
    """Returns the fields of the message of an asset, by name, to build a response without copying the message.

    Args:
        only: The fields to show; None for all.
    """
    fields = wire.asset_fields(view)
    return fields if only is None else {name: value for name, value in fields.items() if name in only}


def shown_entity(view: EntityView, only: frozenset[str] | None) -> entity_pb2.Entity:
    """Returns the message of an entity.

    Args:
        only: The fields to show; None for all.
    """
    message = wire.entity_message(view)
    if only is not None:
        one = getattr(message, view.record.kind)
        for field, _ in one.ListFields():
            if field.name not in only:
                one.ClearField(field.name)
    return message
