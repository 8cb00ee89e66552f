"""The messages of each kind of asset and entity, and the contract's numbers of the kinds.

A new kind of asset needs one entry in `ASSET_MESSAGES`. A new kind of entity needs none: its message is found by its
field in `Entity`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from google.protobuf.descriptor import Descriptor
from google.protobuf.message_factory import GetMessageClass

from dashboard_catalog.catalog.model.kinds import CHART_KIND, DASHBOARD_KIND, ENTITY_KINDS, AssetKind, EntityKind
from dashboardcatalog.v1 import chart_pb2, chart_service_pb2, dashboard_pb2, dashboard_service_pb2, entity_pb2

if TYPE_CHECKING:
    from dashboardcatalog.v1.entity_pb2 import Kind


@dataclass(frozen=True, slots=True, eq=False)
class AssetMessages:
    """The messages of a kind of asset.

    Attributes:
        spec: The message that callers write.
        resource: The message that the catalog returns. Its name is the noun in the names of requests.
    """

    kind: AssetKind
    spec: type[Any]
    resource: type[Any]

    def request(self, verb: str, of: str = "") -> type[Any]:
        """Returns the message of a request, such as that of `Get`, of `List`, or of `List` of `Versions`."""
        noun = self.resource.DESCRIPTOR.name
        name = f"{verb}{noun}{of or ('s' if verb == 'List' else '')}Request"
        return GetMessageClass(_SERVICES[self.kind.name].message_types_by_name[name])


ASSET_MESSAGES: Mapping[str, AssetMessages] = {
    messages.kind.name: messages
    for messages in (
        AssetMessages(DASHBOARD_KIND, dashboard_pb2.DashboardSpec, dashboard_pb2.Dashboard),
        AssetMessages(CHART_KIND, chart_pb2.ChartSpec, chart_pb2.Chart),
    )
}
"""By the name of the kind."""

_SERVICES = {"dashboard": dashboard_service_pb2.DESCRIPTOR, "chart": chart_service_pb2.DESCRIPTOR}

ENTITY_MESSAGES: Mapping[str, type[Any]] = {
    field.name: GetMessageClass(field.message_type)
    for field in entity_pb2.Entity.DESCRIPTOR.fields
    if field.message_type is not None
}
"""By the name of the kind."""

WRITTEN: Mapping[str, Descriptor] = {
    **{name: messages.spec.DESCRIPTOR for name, messages in ASSET_MESSAGES.items()},
    **{name: message.DESCRIPTOR for name, message in ENTITY_MESSAGES.items()},
}
"""What callers write of each kind, by the name of the kind."""

ENTITY_OUTPUT = ("id", "fully_qualified_name", "deleted", "updated_at", "updated_by")
"""Fields of the message of an entity that the catalog sets, not the caller."""

_NUMBERS: Mapping[str, "Kind.ValueType"] = {name: entity_pb2.Kind.Value(f"KIND_{name.upper()}") for name in WRITTEN}
_NAMES: Mapping[int, str] = {number: name for name, number in _NUMBERS.items()}
_ENTITY_KINDS: Mapping[int, EntityKind] = {_NUMBERS[name]: kind for name, kind in ENTITY_KINDS.items()}


def kind_number(name: str) -> "Kind.ValueType":
    """Returns the contract's number of a kind; that of KIND_UNSPECIFIED for an empty name."""
    return _NUMBERS[name] if name else entity_pb2.KIND_UNSPECIFIED


def kind_name(number: int) -> str:
    """Returns the name of the kind of a number; empty for one that no kind has."""
    return _NAMES.get(number, "")


def entity_kind(number: int) -> EntityKind:
    """Returns the kind of entity of a number that has passed validation."""
    return _ENTITY_KINDS[number]
