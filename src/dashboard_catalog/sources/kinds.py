"""The kinds of things in the catalog, as the commands and the bodies name them."""

from enum import StrEnum

from dashboardcatalog.v1 import entity_pb2


class Kind(StrEnum):
    """A kind, in the order in which a catalog is loaded: what is referred to comes first."""

    BI_SERVICE = "bi_service"
    USER = "user"
    TEAM = "team"
    DOMAIN = "domain"
    CLASSIFICATION = "classification"
    TAG = "tag"
    CUSTOM_PROPERTY = "custom_property"
    CHART = "chart"
    DASHBOARD = "dashboard"

    @property
    def is_asset(self) -> bool:
        """Whether it is a dashboard or a chart, and no entity."""
        return self in {Kind.DASHBOARD, Kind.CHART}

    @property
    def wire(self) -> entity_pb2.Kind.ValueType:
        """The contract's value for it."""
        return entity_pb2.Kind.Value(f"KIND_{self.name}")

    @staticmethod
    def named(wire: entity_pb2.Kind.ValueType) -> str:
        """Returns the name of a contract's value, also of one that this version does not know."""
        if wire in entity_pb2.Kind.values():
            return entity_pb2.Kind.Name(wire).removeprefix("KIND_").lower()
        return f"kind {wire}"
