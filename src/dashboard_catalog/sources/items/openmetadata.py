"""Adapts bodies as OpenMetadata's API has them to the fields of the contract.

Knows how OpenMetadata writes owners, domains, references and labels. Does not know messages.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dashboard_catalog.catalog.model.qualified_names import quote, segment_meant
from dashboard_catalog.sources.items.found import Body
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.problems import Problem

# What a server says about its own copy. The contract does not take it, and OpenMetadata writes some of it in another
# form.
_OUTPUT_ONLY = frozenset(
    (
        "id",
        "fullyQualifiedName",
        "fully_qualified_name",
        "deleted",
        "updatedAt",
        "updated_at",
        "updatedBy",
        "updated_by",
        "version",
        "href",
        "changeDescription",
        "change_description",
        "incrementalChangeDescription",
    )
)
_OUTPUT_ONLY_OF_ASSETS = _OUTPUT_ONLY | {"serviceType", "service_type", "edited", "etag", "byIngestion", "by_ingestion"}
# What a server adds to a reference. It belongs to the thing that is referred to.
_ADDED_TO_REFERENCES = ("displayName", "display_name", "description", "href", "deleted", "inherited")
_ADDED_TO_LABELS = ("name", "displayName", "description", "href", "style")
_NAMES = ("name", "fullyQualifiedName", "fully_qualified_name")


@dataclass(slots=True)
class Adapted:
    """A body in the form of the contract.

    Attributes:
        body: Its fields; there may still be some that the contract does not have.
        problems: What the catalog cannot keep and does not leave out silently.
        dropped: Paths of what was left out.
    """

    body: dict[str, Any]
    problems: list[Problem] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)


def adapt(kind: Kind, body: Body) -> Adapted:
    """Returns the body of an asset or entity in the form of the contract."""
    output_only = _OUTPUT_ONLY_OF_ASSETS if kind.is_asset else _OUTPUT_ONLY
    adapted = Adapted({key: value for key, value in body.items() if key not in output_only})
    if body.get("deleted") is True:
        adapted.problems.append(Problem(f"{kind}.deleted", "is true; only what is not deleted can be loaded"))
    if kind.is_asset:
        _adapt_service(adapted.body)
        _adapt_owners(adapted.body)
        _adapt_domains(kind, adapted)
        _adapt_labels(kind, adapted)
        _adapt_charts(adapted.body)
        _adapt_extension(adapted.body)
    return adapted


def name_in(value: object) -> object:
    """Returns the fully qualified name in one of OpenMetadata's references, and any other value as it is."""
    if isinstance(value, Mapping):
        if isinstance(fqn := value.get("fullyQualifiedName"), str):
            return fqn
        if isinstance(name := value.get("name"), str):
            return quote(name)
    return value


def _adapt_service(body: dict[str, Any]) -> None:
    """Quotes the raw name of a BI service, which OpenMetadata's connectors send in place of its qualified name."""
    if isinstance(service := name_in(body.get("service")), str) and service:
        body["service"] = segment_meant(service)


def _adapt_owners(body: dict[str, Any]) -> None:
    """Turns `owner`, as before OpenMetadata 1.5, into one of the owners, and leaves ids out where there are names."""
    owners = body.get("owners")
    if (owner := body.pop("owner", None)) is not None:
        owners = [*owners, owner] if isinstance(owners, list) else [owner]
    if isinstance(owners, list):
        body["owners"] = [_without(_by_name(one), _ADDED_TO_REFERENCES) for one in owners]


def _by_name(reference: Any) -> Any:
    """Returns a reference without its id if it has a name: the id is that of another catalog."""
    is_named = isinstance(reference, Mapping) and any(reference.get(name) for name in _NAMES)
    return _without(reference, ("id",)) if is_named else reference


def _without(value: Any, keys: tuple[str, ...]) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {key: inner for key, inner in value.items() if key not in keys}


def _adapt_domains(kind: Kind, adapted: Adapted) -> None:
    """Replaces the list of domains by the one domain that the catalog keeps."""
    if (domains := adapted.body.pop("domains", None)) is None:
        return
    named = [name_in(domain) for domain in domains] if isinstance(domains, list) else [domains]
    if (domain := adapted.body.get("domain")) is not None:
        named.append(name_in(domain))
    if len(distinct := list(dict.fromkeys(map(str, named)))) > 1:
        # Only names are shown: anything could be in an object that is no reference.
        shown = ", ".join([name for name in named if isinstance(name, str)][:3]) or "without names"
        text = f"names {len(distinct)} domains ({shown}); the catalog keeps one"
        adapted.problems.append(Problem(f"{kind}.domains", text))
    elif named:
        adapted.body["domain"] = named[0]


def _adapt_labels(kind: Kind, adapted: Adapted) -> None:
    """Leaves out glossary terms, and what labels repeat of their tags."""
    if isinstance(tags := adapted.body.get("tags"), list):
        labels = [_without(label, _ADDED_TO_LABELS) for label in tags if not _is_glossary_term(label)]
        adapted.body["tags"] = labels
        adapted.dropped += [f"{kind}.tags (glossary terms)"] * (len(tags) - len(labels))


def _adapt_charts(body: dict[str, Any]) -> None:
    """Replaces references that only have a name by the names of charts of the same BI service."""
    charts, service = body.get("charts"), name_in(body.get("service"))
    if isinstance(charts, list) and isinstance(service, str):
        body["charts"] = [_chart_name(chart, service) for chart in charts]


def _chart_name(chart: Any, service: str) -> Any:
    is_named = isinstance(chart, Mapping) and not chart.get("fullyQualifiedName") and isinstance(chart.get("name"), str)
    return f"{service}.{quote(chart['name'])}" if is_named else chart


def _is_glossary_term(label: object) -> bool:
    return isinstance(label, Mapping) and label.get("source") == "Glossary"


def _adapt_extension(body: dict[str, Any]) -> None:
    """Leaves ids out of the references in custom properties, where there are names."""
    if isinstance(extension := body.get("extension"), Mapping):
        body["extension"] = {key: _property_value(value) for key, value in extension.items()}


def _property_value(value: Any) -> Any:
    if isinstance(value, list):
        return [_property_value(item) for item in value]
    # Only a reference has all three: what else an object may hold is for its definition to say.
    is_reference = isinstance(value, Mapping) and {"id", "type"} <= value.keys()
    return _by_name(value) if is_reference else value
