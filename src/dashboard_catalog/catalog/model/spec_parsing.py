"""Reads the fields of a spec: parses names, drops duplicates, credentials and empty fields. Looks at nothing stored.

Limits of single fields are annotations of the contract; this module checks what annotations cannot express.
"""

from collections.abc import Callable, Mapping
from typing import Any

from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.addresses import without_user
from dashboard_catalog.catalog.model.commands import AssetName, SentLabel, SentReference
from dashboard_catalog.catalog.properties.extension_rules import check_extension
from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import Violation

_OWNER_TYPES = ("user", "team")


def asset_key(service: str, name: str, violations: list[Violation]) -> AssetName | None:
    """Returns the key that a spec names, or None, with the reasons added to `violations`."""
    if not name:
        violations.append(Violation("name", ViolationReason.REQUIRED, "is required"))
    if not service:
        violations.append(Violation("service", ViolationReason.REQUIRED, "is required"))
        return None
    try:
        key = AssetName(names.segment(service), name)
    except names.NameSyntaxError as error:
        violations.append(Violation("service", ViolationReason.INVALID_FORMAT, str(error)))
        return None
    return key if name else None


def parsed_spec(values: Mapping[str, Any], violations: list[Violation]) -> dict[str, Any]:
    """Returns the fields that are set, references parsed, duplicates dropped and empty ones left out.

    `charts` becomes a dict of `AssetName` to index as sent, `owners` one of `SentReference` to index, and `tags` one of
    fully qualified name to (index, `SentLabel`).
    """
    result = {}
    for field, value in values.items():
        # Presence counts, not truth: false and 0 are values, an empty text or list is none.
        if not value and not isinstance(value, (int, float)):
            continue
        check = _CHECKS.get(field)
        result[field] = check(value, violations) if check else value
    return result


def _charts(fqns: list[str], violations: list[Violation]) -> dict[AssetName, int]:
    charts: dict[AssetName, int] = {}
    for index, fqn in enumerate(fqns):
        try:
            service, name = names.split(fqn, 2)
        except names.NameSyntaxError as error:
            violations.append(Violation(f"charts[{index}]", ViolationReason.INVALID_FORMAT, str(error)))
        else:
            charts.setdefault(AssetName(service, name), index)
    return charts


def _domain(fqn: str, violations: list[Violation]) -> str:
    return requoted(fqn, "domain", violations)


def _tags(labels: list[SentLabel], violations: list[Violation]) -> dict[str, tuple[int, SentLabel]]:
    tags: dict[str, tuple[int, SentLabel]] = {}
    for index, label in enumerate(labels):
        fqn = requoted(label.tag_fqn, f"tags[{index}].tag_fqn", violations)
        tags.setdefault(fqn, (index, label if fqn == label.tag_fqn else label._replace(tag_fqn=fqn)))
    return tags


def _owners(references: list[SentReference], violations: list[Violation]) -> dict[SentReference, int]:
    owners: dict[SentReference, int] = {}
    for index, reference in enumerate(references):
        path = f"owners[{index}]"
        if not reference.type:
            violations.append(Violation(f"{path}.type", ViolationReason.REQUIRED, "is required: user or team"))
        elif reference.type not in _OWNER_TYPES:
            text = f"a {reference.type} cannot own assets, only a user or a team of type Group can"
            violations.append(Violation(f"{path}.type", ViolationReason.OWNER_RULE, text))
        elif not (reference.id or reference.name or reference.fqn):
            violations.append(Violation(path, ViolationReason.REQUIRED, "needs an id or a name"))
        else:
            owners.setdefault(_exact(reference, path, violations), index)
    return owners


def _exact(reference: SentReference, path: str, violations: list[Violation]) -> SentReference:
    """Returns a reference with its parts spelled as the catalog compares them."""
    if not (reference.id or reference.fqn):
        return reference
    fqn = requoted(reference.fqn, f"{path}.fully_qualified_name", violations) if reference.fqn else ""
    return reference._replace(id=reference.id.lower(), fqn=fqn)


def _extension(extension: dict[str, Any], violations: list[Violation]) -> dict[str, Any]:
    violations += check_extension(extension)
    return extension


def requoted(fqn: str, path: str, violations: list[Violation]) -> str:
    """Returns a fully qualified name with normal quoting, or as sent, with the reason added to `violations`."""
    try:
        return names.requoted(fqn)
    except names.NameSyntaxError as error:
        violations.append(Violation(path, ViolationReason.INVALID_FORMAT, str(error)))
        return fqn


def _source_url(url: str, _violations: list[Violation]) -> str:
    return without_user(url)


_CHECKS: Mapping[str, Callable[[Any, list[Violation]], Any]] = {
    "source_url": _source_url,
    "charts": _charts,
    "domain": _domain,
    "tags": _tags,
    "owners": _owners,
    "extension": _extension,
}
