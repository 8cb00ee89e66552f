"""What OpenMetadata's clients accept: models of every answer, with their keys, what they require, and closed lists.

A key that is not listed here is refused, as the clients do. `problem_of` finds the model of an answer by its request.
"""

import json
import re
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

ServiceType = Literal[
    "Superset", "Looker", "Tableau", "Redash", "Metabase", "PowerBI", "PowerBIReportServer", "Mode", "CustomDashboard",
    "DomoDashboard", "QuickSight", "QlikSense", "Lightdash", "MicroStrategy", "QlikCloud", "Sigma", "ThoughtSpot",
    "Grafana", "Hex", "Ssrs", "SapS4Hana", "Omni",
]  # fmt: skip
ChartType = Literal[
    "Line", "Table", "Bar", "Area", "Pie", "Histogram", "Scatter", "Text", "BoxPlot", "SanKey", "Gauge", "Map", "Graph",
    "Heatmap", "Timeline", "Other",
]  # fmt: skip
Milliseconds = Annotated[int, Field(ge=10**12, lt=10**13)]
Version = Annotated[float, Field(ge=0.1)]
SourceHash = Annotated[str, Field(min_length=1, max_length=32)]


def _checked_email(email: str) -> str:
    """Returns an address that the clients' library accepts: they refuse names that are reserved."""
    if not re.fullmatch(
        r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w.-]+\.(?!(?:invalid|test|local|localhost|onion|arpa)$)[\w-]+", email
    ):
        raise ValueError("no usable email address")
    return email


Email = Annotated[str, Field(min_length=6, max_length=127), AfterValidator(_checked_email)]


class Strict(BaseModel):
    """Refuses keys that it does not know, and null."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)


class Error(Strict):
    code: int
    message: Annotated[str, Field(min_length=1)]


class Reference(Strict):
    id: UUID
    type: str
    name: str = ""
    fully_qualified_name: str = ""
    description: str = ""
    display_name: str = ""
    deleted: bool = False
    inherited: bool = False
    href: str = ""


class TagLabel(Strict):
    tag_fqn: Annotated[str, Field(alias="tagFQN")]
    source: Literal["Classification", "Glossary"]
    label_type: Literal["Manual", "Propagated", "Automated", "Derived", "Generated"]
    state: Literal["Suggested", "Confirmed"]
    name: str = ""
    display_name: str = ""
    description: str = ""
    style: dict[str, Any] = {}
    href: str = ""


class FieldChange(Strict):
    name: str = ""
    old_value: Any = None
    new_value: Any = None


class ChangeDescription(Strict):
    fields_added: list[FieldChange] = []
    fields_updated: list[FieldChange] = []
    fields_deleted: list[FieldChange] = []
    previous_version: float = 0.1


class Named(Strict):
    """What everything that has a name has."""

    id: UUID
    name: Annotated[str, Field(min_length=1)]
    fully_qualified_name: str = ""
    display_name: str = ""
    description: str = ""
    version: Version = 0.1
    updated_at: Milliseconds = 10**12
    updated_by: str = ""
    href: str = ""
    change_description: ChangeDescription = ChangeDescription()


class Deletable(Named):
    deleted: bool = False


class Owned(Deletable):
    owners: list[Reference] = []
    domains: list[Reference] = []
    tags: list[TagLabel] = []


class Asset(Owned):
    service: Reference
    service_type: ServiceType = "Superset"
    source_url: str = ""
    source_hash: SourceHash = "x"
    extension: dict[str, Any] = {}
    followers: list[Reference] = []
    data_products: list[Reference] = []


class Dashboard(Asset):
    dashboard_type: Literal["Dashboard", "Report"] = "Dashboard"
    project: str = ""
    charts: list[Reference] = []
    data_models: list[Reference] = []


class Chart(Asset):
    chart_type: ChartType = "Other"
    dashboards: list[Reference] = []


class DashboardService(Owned):
    """Without `connection`: a partial one is refused, and the catalog keeps none."""

    service_type: ServiceType


class User(Deletable):
    email: Email
    is_bot: bool = False
    is_admin: bool = False
    teams: list[Reference] = []
    roles: list[Reference] = []
    owns: list[Reference] = []
    domains: list[Reference] = []


class Team(Deletable):
    team_type: Literal["Group", "Department", "Division", "BusinessUnit", "Organization"] = "Group"
    email: Email = "a@b.example"
    parents: list[Reference] = []
    children: list[Reference] = []
    users: list[Reference] = []
    is_joinable: bool = True


class Classification(Deletable):
    description: str
    mutually_exclusive: bool = False
    disabled: bool = False


class Tag(Deletable):
    description: str
    classification: Reference | None = None
    parent: Reference | None = None
    children: list[Reference] = []
    disabled: bool = False


class Domain(Named):
    domain_type: Literal["Source-aligned", "Consumer-aligned", "Aggregate"]
    description: str
    parent: Reference | None = None
    children: list[Reference] = []
    owners: list[Reference] = []


class Config(Strict):
    config: Any


class CustomProperty(Strict):
    name: str
    description: str = ""
    display_name: str = ""
    property_type: Reference
    custom_property_config: Config | None = None


class Type(Named):
    """The type of an entity, with its custom properties, or the type of a property."""

    description: str
    category: Literal["field", "entity"] = "entity"
    name_space: str = ""
    schema_: Annotated[str, Field(alias="schema")] = ""
    custom_properties: list[CustomProperty] = []


class DataModel(Deletable):
    data_model_type: str
    columns: list[Any]
    service: Reference | None = None
    service_type: ServiceType = "Superset"


class IngestionPipeline(Strict):
    name: str
    pipeline_type: str
    source_config: dict[str, Any]
    airflow_config: dict[str, Any]
    id: UUID | None = None
    fully_qualified_name: str = ""
    display_name: str = ""
    service: Reference | None = None


class Step(Strict):
    name: str
    description: str
    mandatory: bool


class TestConnectionDefinition(Strict):
    __test__: ClassVar = False
    name: str
    steps: list[Step]


class BulkResponse(Strict):
    request: Annotated[str, Field(min_length=1)]
    status: int
    message: str = ""


class BulkResult(Strict):
    """Every client reads all of it."""

    status: Literal["success", "partialSuccess", "failure"]
    number_of_rows_processed: int
    number_of_rows_passed: int
    number_of_rows_failed: int
    success_request: list[BulkResponse]
    failed_request: list[BulkResponse]
    dry_run: bool = False


class History(Strict):
    entity_type: str
    versions: list[str]


class Job(Strict):
    job_id: str
    message: str


class Paging(Strict):
    total: int
    after: Annotated[str, Field(min_length=1)] = "-"
    before: Annotated[str, Field(min_length=1)] = "-"


class Page(Strict):
    data: list[Any]
    paging: Paging


class Total(Strict):
    value: int
    relation: Literal["eq"]


class Hit(Strict):
    index: Annotated[str, Field(alias="_index")]
    id: Annotated[str, Field(alias="_id")]
    source: Annotated[dict[str, Any], Field(alias="_source")]


class Hits(Strict):
    total: Total
    hits: list[Hit]


class Found(Strict):
    hits: Hits


class SystemVersion(Strict):
    version: Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)+$")]
    revision: str
    timestamp: int


RESOURCES: dict[str, type[Strict]] = {
    "dashboards": Dashboard,
    "charts": Chart,
    "services/dashboardServices": DashboardService,
    "users": User,
    "teams": Team,
    "domains": Domain,
    "classifications": Classification,
    "tags": Tag,
    "metadata/types": Type,
    "dashboard/datamodels": DataModel,
    "services/ingestionPipelines": IngestionPipeline,
}
OTHERS: dict[str, type[Strict]] = {
    "system/version": SystemVersion,
    "search/": Found,
    "services/testConnectionDefinitions/": TestConnectionDefinition,
}
_INDEXES = {
    "user_search_index": "users",
    "team_search_index": "teams",
    "dashboard_search_index": "dashboards",
    "chart_search_index": "charts",
    "dashboard_service_search_index": "services/dashboardServices",
    "domain_search_index": "domains",
    "classification_search_index": "classifications",
    "tag_search_index": "tags",
}


def problem_of(method: str, path: str, status: int, content_type: str, content: bytes) -> str | None:
    """Returns what is wrong with an answer, or None.

    Args:
        method: The method of its request.
        path: The path of its request, as sent, without the query.
        status: Its status.
        content_type: Its header; empty if it has none.
        content: Its body.
    """
    try:
        _check(method, path, status, content_type, content)
    except (ValueError, KeyError, AssertionError) as error:
        return f"{method} {path}: {status} {content[:2_000]!r}: {error}"
    return None


def _check(method: str, path: str, status: int, content_type: str, content: bytes) -> None:
    if method == "HEAD" or path in {"/docs", "/openapi.json", "/healthz"} or (path, status) == ("/readyz", 200):
        return
    assert status != 429
    assert content_type in ({"application/json"} if content else {"application/json", ""})
    if status >= 400:
        assert Error.model_validate_json(content).code == status
        return
    rest = path.removeprefix("/api/v1/")
    for prefix, model in OTHERS.items():
        if rest.startswith(prefix):
            _check_found(model.model_validate_json(content))
            return
    for prefix, model in RESOURCES.items():
        if rest == prefix or rest.startswith(f"{prefix}/"):
            _check_resource(method, rest.removeprefix(prefix).strip("/"), model, content)
            return


def _check_found(found: Strict) -> None:
    for hit in found.hits.hits if isinstance(found, Found) else ():
        hit.source.pop("entityType", None)
        RESOURCES[_INDEXES[hit.index]].model_validate_json(json.dumps(hit.source))


def _check_resource(method: str, rest: str, model: type[Strict], content: bytes) -> None:
    match rest.split("/"):
        case [""] if method == "GET":
            for one in Page.model_validate_json(content).data:
                model.model_validate_json(json.dumps(one))
        case ["bulk" | "deleteStale"]:
            BulkResult.model_validate_json(content)
        case ["async", *_]:
            Job.model_validate_json(content)
        case [_, "versions"]:
            for one in History.model_validate_json(content).versions:
                model.model_validate_json(one)
        case [*_, "pipelineStatus"] | [_, "pipelineStatus", _] | ["progress" | "logs", *_]:
            pass
        case _:
            model.model_validate_json(content)
