"""Adapts bodies as OpenMetadata's API has them to the fields of the contract.

Knows how OpenMetadata writes domains, references and labels. Does not know messages.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dashboard_catalog.sources.items import Body
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.problems import Problem

# The contract ignores these fields of entities; OpenMetadata writes some of them in another form.
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
    )
)


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
    if not kind.is_asset:
        return Adapted({key: value for key, value in body.items() if key not in _OUTPUT_ONLY})
    adapted = Adapted(dict(body))
    _adapt_domains(kind, adapted)
    _drop_glossary_terms(kind, adapted)
    return adapted


def name_in(value: object) -> object:
    """Returns the fully qualified name in one of OpenMetadata's references, and any other value as it is."""
    if isinstance(value, Mapping) and isinstance(name := value.get("fullyQualifiedName"), str):
        return name
    return value


def _adapt_domains(kind: Kind, adapted: Adapted) -> None:
    """Replaces the list of domains by the one domain that the catalog keeps."""
    if (domains := adapted.body.pop("domains", None)) is None:
        return
    named = [name_in(domain) for domain in domains] if isinstance(domains, list) else [domains]
    if "domain" in adapted.body:
        named.append(name_in(adapted.body["domain"]))
    if len(distinct := list(dict.fromkeys(map(str, named)))) > 1:
        text = f"names {len(distinct)} domains ({', '.join(distinct[:3])}); the catalog keeps one"
        adapted.problems.append(Problem(f"{kind}.domains", text))
    elif named:
        adapted.body["domain"] = named[0]


def _drop_glossary_terms(kind: Kind, adapted: Adapted) -> None:
    if isinstance(tags := adapted.body.get("tags"), list):
        adapted.body["tags"] = [label for label in tags if not _is_glossary_term(label)]
        dropped = len(tags) - len(adapted.body["tags"])
        adapted.dropped += [f"{kind}.tags (glossary terms)"] * dropped


def _is_glossary_term(label: object) -> bool:
    return isinstance(label, Mapping) and label.get("source") == "Glossary"
