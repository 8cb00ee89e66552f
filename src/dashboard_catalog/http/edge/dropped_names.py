"""The names under which metrics count what clients of OpenMetadata send and the catalog does not keep.

Callers choose the names of fields. So those that OpenMetadata has are listed here, and all others share one name.
"""

from dashboard_catalog.metrics.declared import OTHER

_RESOURCES = frozenset(
    {
        "bi_service", "chart", "classification", "custom_property", "dashboard", "dataModel", "deleteStale", "domain",
        "ingestionPipeline", "lineage", "logs", "pipelineStatus", "progress", "tag", "team", "usage", "user",
    }
)  # fmt: skip
_FIELDS = frozenset(
    {
        "allowNonOwners", "authenticationMechanism", "autoClassificationConfig", "certification", "changeSummary",
        "children", "connection", "dashboardType", "dashboards", "dataModels", "dataProducts", "defaultPersona",
        "defaultRoles", "disabled", "domainType", "email", "entityStatus", "experts", "externalId", "followers",
        "glossaryTerms", "incrementalChangeDescription", "ingestionRunner", "inheritedRoles", "isAdmin", "isBot",
        "lifeCycle", "mutuallyExclusive", "parent", "parents", "personas", "pipelines", "policies", "profile",
        "project", "provider", "reviewers", "roles", "serviceType", "sourceHash", "style", "tags (glossary terms)",
        "teamType", "termCount", "testConnectionResult", "timezone", "usageCount", "usageSummary", "users", "votes",
    }
)  # fmt: skip


def counted_name(name: str) -> tuple[str, str]:
    """Returns the resource and the field of what was dropped; the field is empty if all of the resource was.

    Args:
        name: Of a shape, such as `lineage`, or of a field, such as `dashboard.lifeCycle`.
    """
    resource, _, field = name.partition(".")
    return resource if resource in _RESOURCES else OTHER, field if not field or field in _FIELDS else OTHER
