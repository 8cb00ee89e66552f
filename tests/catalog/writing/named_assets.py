"""The catalog in the terms of `merge_model`: assets by short names, with all their values as one map of paths."""

import asyncio
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.catalog.model import labels
from dashboard_catalog.catalog.model.commands import (
    AssetName,
    AssetWrite,
    EntityWrite,
    SentLabel,
    SentMarks,
    SentReference,
    Verb,
    Writer,
)
from dashboard_catalog.catalog.model.kinds import CHART_KIND, DASHBOARD_KIND, ENTITY_KINDS, AssetKind
from dashboard_catalog.catalog.model.spec_parsing import parsed_spec
from dashboard_catalog.catalog.model.stewardship import Marks
from dashboard_catalog.catalog.reading.asset_reads import AssetRead
from dashboard_catalog.catalog.reading.views import AssetView
from dashboard_catalog.errors import CatalogError
from tests.catalog.writing.merge_model import EDIT, OVERRIDE, Content, Refused, Spec, WriteResult

SERVICE = "superset"
DASHBOARDS, CHARTS = ("d1", "d2"), ("c1", "c2")
TAGS = ("PII.Email", "PII.Phone", "Tier.Gold", "Tier.Silver")
PROPERTIES = {"costCentre": "string", "budget": "integer"}
PRINCIPAL = Principal("someone", frozenset({"admin"}), frozenset(), None, bot=False, expires_at=None)

_ENTITIES: list[tuple[str, str, dict[str, Any]]] = [
    ("bi_service", SERVICE, {"service_type": "Superset"}),
    *[("user", name, {}) for name in ("ann", "bob")],
    *[("domain", name, {}) for name in ("finance", "sales")],
    ("classification", "PII", {}),
    ("classification", "Tier", {"mutually_exclusive": True}),
    *[("tag", fqn.partition(".")[2], {"classification": fqn.partition(".")[0]}) for fqn in TAGS],
    *[
        ("custom_property", key, {"applies_to": kind, "property_type": type_})
        for kind in ("dashboard", "chart")
        for key, type_ in PROPERTIES.items()
    ],
]


class Held(NamedTuple):
    """The values of an asset."""

    content: Content
    marks: set[str]
    version: int
    deleted: bool


class _Unlimited:
    """Room for every answer."""

    async def take(self, size: int) -> None:
        """Returns at once."""

    def keep(self, size: int) -> None:
        """Does nothing."""


class NamedAssets:
    """The assets of one life, with the methods of the model; each returns the model's result, and the asset."""

    def __init__(self, catalog: Catalog, life: int) -> None:
        self._catalog = catalog
        self._life = life
        self._disabled: set[str] = set()

    async def upsert(self, name: str, by: str, spec: Spec, mask: Collection[str]) -> tuple[WriteResult, Held]:
        """Upserts an asset."""
        digest = repr((by, sorted(spec.items()), sorted(mask))).encode() if by != EDIT else None
        return await self._write(name, by, Verb.UPSERT, values=self._sent(spec), mask=frozenset(mask), digest=digest)

    async def update(
        self, name: str, by: str, spec: Spec, mask: Collection[str], release: Collection[str] = ()
    ) -> tuple[WriteResult, Held]:
        """Updates an asset."""
        values = {part: value for part, value in self._sent(spec).items() if part in mask}
        release_ = _marks(release) if release else None
        return await self._write(name, by, Verb.UPDATE, values=values, mask=frozenset(mask), release=release_)

    async def delete(self, name: str, by: str) -> tuple[WriteResult, Held]:
        """Soft-deletes an asset."""
        return await self._write(name, by, Verb.DELETE)

    async def restore(self, name: str) -> tuple[WriteResult, Held]:
        """Restores an asset."""
        return await self._write(name, EDIT, Verb.RESTORE)

    async def held(self, names: Iterable[str]) -> dict[str, Held]:
        """Reads assets."""
        reads = {name: AssetRead(_kind(name), PRINCIPAL, self._key(name), deleted="include") for name in names}
        views = await asyncio.gather(*[self._catalog.get_asset(read, _Unlimited()) for read in reads.values()])
        return {name: _held(view) for name, view in zip(reads, views, strict=True)}

    async def disable(self, tags: Collection[str]) -> None:
        """Disables exactly these tags."""
        for fqn in self._disabled ^ set(tags):
            classification, name = fqn.split(".")
            await _add(self._catalog, "tag", name, {"classification": classification, "disabled": fqn in tags})
        self._disabled = set(tags)

    async def _write(self, name: str, by: str, verb: Verb, **fields: Any) -> tuple[WriteResult, Held]:
        writer = Writer(PRINCIPAL, ingests=by != EDIT, call_id="call", overrides=by == OVERRIDE)
        write = AssetWrite(kind=_kind(name), verb=verb, writer=writer, key=self._key(name), **fields)
        try:
            outcome, kept, view, _ = await self._catalog.write_asset(write)
        except CatalogError as error:
            prefix = f"{write.kind.name}."
            refused = {v.field.removeprefix(prefix): str(v.reason) for v in error.violations}
            raise Refused(refused or str(error.reason)) from None
        paths = [path.replace(f"{SERVICE}.{self._life}-", "") for path in kept]
        assert len(set(paths)) == len(paths)
        return WriteResult(str(outcome), frozenset(paths)), _held(view)

    def _key(self, name: str) -> AssetName:
        return AssetName(SERVICE, f"{self._life}-{name}")

    def _sent(self, spec: Spec) -> dict[str, Any]:
        sent = {field: value for field, value in spec.items() if value}
        if "charts" in sent:
            sent["charts"] = [f"{SERVICE}.{self._life}-{name}" for name in sent["charts"]]
        if "owners" in sent:
            sent["owners"] = [SentReference("user", "", name, "") for name in sent["owners"]]
        if "tags" in sent:
            sent["tags"] = [SentLabel(fqn, *label) for fqn, label in sent["tags"].items()]
        return parsed_spec(sent, [])


async def add_entities(catalog: Catalog) -> None:
    """Adds what assets can refer to."""
    for entity in _ENTITIES:
        await _add(catalog, *entity)


async def _add(catalog: Catalog, kind: str, name: str, values: dict[str, Any]) -> None:
    writer = Writer(PRINCIPAL, ingests=False, call_id="call")
    await catalog.write_entity(EntityWrite(kind=ENTITY_KINDS[kind], writer=writer, name=name, values=values))


def _kind(name: str) -> AssetKind:
    return DASHBOARD_KIND if name in DASHBOARDS else CHART_KIND


def _marks(paths: Iterable[str]) -> SentMarks:
    parts: dict[str, list[str]] = {"fields": [], "tags": [], "extension": []}
    for path in paths:
        part, dot, mark = path.partition(".")
        parts[part if dot else "fields"].append(mark or part)
    return SentMarks(*[tuple(marks) for marks in parts.values()])


def _held(view: AssetView) -> Held:
    record, known = view.record, view.references
    content: Content = {part: getattr(record, part) for part in ("display_name", "source_url")}
    content["owners"] = tuple(sorted(known[id_].name for id_ in record.owners))
    content["domain"] = known[record.domain].fqn if record.domain else None
    content["charts"] = tuple(known[id_].name.partition("-")[2] for id_ in getattr(record, "charts", ()))
    held = labels.decode(record.tags, record.tag_labels)
    content |= {f"tags.{known[id_].fqn}": tuple(label) for id_, label in held.items()}
    content |= {f"extension.{key}": value for key, value in (record.extension or {}).items()}
    marked = Marks.decode(record.edited)
    marks = {
        *marked.fields,
        *[f"tags.{tag.fqn}" for id_, tag in known.items() if id_ in marked.tags],
        *[f"extension.{key}" for key in marked.extension_keys],
    }
    return Held({path: value for path, value in content.items() if value}, marks, record.version, record.deleted)
