"""The kinds of things in the catalog, as sources and commands name them."""

from enum import StrEnum

from dashboardcatalog.v1 import entity_pb2


class Kind(StrEnum):
    """A kind. The members are in the order of loading: a kind comes after the kinds that it refers to."""

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
        """Whether it is a dashboard or a chart, not an entity."""
        return self in {Kind.DASHBOARD, Kind.CHART}

    @property
    def wire(self) -> entity_pb2.Kind.ValueType:
        """Its value in the contract."""
        return entity_pb2.Kind.Value(f"KIND_{self.name}")

    @staticmethod
    def named(wire: entity_pb2.Kind.ValueType) -> str:
        """Returns the name of a value of the contract, also if this version does not know the value."""
        if wire in entity_pb2.Kind.values():
            return entity_pb2.Kind.Name(wire).removeprefix("KIND_").lower()
        return f"kind {wire}"
