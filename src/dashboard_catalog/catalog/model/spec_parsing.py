"""Reads the fields of a spec: parses names, drops duplicates and credentials. Looks at nothing stored.

Limits of single fields are annotations of the contract; this module checks what annotations cannot express.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.addresses import without_user
from dashboard_catalog.catalog.model.commands import AssetName, SentLabel, SentReference
from dashboard_catalog.catalog.model.recurring import Recurring
from dashboard_catalog.catalog.properties.extension_rules import check_extension
from dashboard_catalog.error_codes import ViolationReason
from dashboard_catalog.errors import Violation

_OWNER_TYPES = ("user", "team")

# Makes an `AssetName` of a tuple, three times as fast as the class does. A load names each chart again.
_asset_name = partial(tuple.__new__, AssetName)


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
    """Returns the fields of a spec with references parsed and duplicates dropped.

    `charts` becomes a dict of `AssetName` to index as sent, `owners` one of `SentReference` to index, and `tags` one of
    fully qualified name to (index, `SentLabel`).

    Args:
        values: The fields that are set, by name.
        violations: Gets what is wrong with them.
    """
    parsed = dict(values)
    for field, parse in _PARSERS.items():
        if field in parsed:
            parsed[field] = parse(parsed[field], violations)
    return parsed


def _charts(fqns: list[str], violations: list[Violation]) -> dict[AssetName, int]:
    charts: dict[AssetName, int] = {}
    for index, fqn in enumerate(fqns):
        try:
            charts.setdefault(_asset_name(names.split(fqn, 2)), index)
        except names.NameSyntaxError as error:
            violations.append(Violation(f"charts[{index}]", ViolationReason.INVALID_FORMAT, str(error)))
    return charts


def _domain(fqn: str, violations: list[Violation]) -> str:
    return requoted(fqn, "domain", violations)


def _tags(labels: list[SentLabel], violations: list[Violation]) -> dict[str, tuple[int, SentLabel]]:
    tags: dict[str, tuple[int, SentLabel]] = {}
    for index, label in enumerate(labels):
        try:
            exact = _EXACT_LABELS[label]
        except names.NameSyntaxError as error:
            violations.append(Violation(f"tags[{index}].tag_fqn", ViolationReason.INVALID_FORMAT, str(error)))
        else:
            tags.setdefault(exact.tag_fqn, (index, exact))
    return tags


def _exact_label(label: SentLabel) -> SentLabel:
    return label._replace(tag_fqn=names.requoted(label.tag_fqn))


def _owners(references: list[SentReference], violations: list[Violation]) -> dict[SentReference, int]:
    owners: dict[SentReference, int] = {}
    for index, reference in enumerate(references):
        exact = _EXACT_OWNERS[reference]
        if isinstance(exact, Violation):
            violations.append(exact.under(f"owners[{index}]"))
        else:
            owners.setdefault(exact, index)
    return owners


def _exact_owner(reference: SentReference) -> SentReference | Violation:
    """Returns a reference with its parts spelled as the catalog compares them, or why it cannot be an owner."""
    if not reference.type:
        return Violation("type", ViolationReason.REQUIRED, "is required: user or team")
    if reference.type not in _OWNER_TYPES:
        text = f"a {reference.type} cannot own assets, only a user or a team of type Group can"
        return Violation("type", ViolationReason.OWNER_RULE, text)
    if not (reference.id or reference.name or reference.fqn):
        return Violation("", ViolationReason.REQUIRED, "needs an id or a name")
    try:
        fqn = names.requoted(reference.fqn) if reference.fqn else ""
    except names.NameSyntaxError as error:
        return Violation("fully_qualified_name", ViolationReason.INVALID_FORMAT, str(error))
    return reference._replace(id=reference.id.lower(), fqn=fqn)


# A load names the same tags and owners over and over.
_EXACT_LABELS = Recurring(_exact_label)
_EXACT_OWNERS = Recurring(_exact_owner)


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


# In the order of the contract, in which violations are told.
_PARSERS: Mapping[str, Callable[[Any, list[Violation]], Any]] = {
    "source_url": _source_url,
    "charts": _charts,
    "owners": _owners,
    "domain": _domain,
    "tags": _tags,
    "extension": _extension,
}
