"""Ingestion may use the former names of things: their sources do not know that the catalog has renamed them.

The former name of a chart that the writer may not view stays as it is, and means nothing: errors and answers would
tell its name of today.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from dashboard_catalog.auth.principal import Principal
from dashboard_catalog.catalog.model import qualified_names as names
from dashboard_catalog.catalog.model.commands import AssetName, AssetWrite, EntityWrite, SentReference
from dashboard_catalog.catalog.visibility.sight import Sight

W = TypeVar("W", AssetWrite, EntityWrite)


def in_present_names(write: W, sight: Sight) -> W:
    """Returns a write in which today's names of things take the place of former ones, if it is ingestion.

    The name of the thing that it writes stays as it was sent.
    """
    if not sight.known.former.any or not write.writer.ingests or write.preserved:
        return write
    present = _PresentNames(sight, write.writer.principal)
    if isinstance(write, EntityWrite):
        return replace(write, values=present.of_parents(write))
    return replace(write, values=present.of_references(write.values))


class _PresentNames:
    def __init__(self, sight: Sight, principal: Principal) -> None:
        self._sight = sight
        self._known = sight.known
        self._principal = principal

    def of_references(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Returns the values of an asset; of two names of one thing, the first counts."""
        present = dict(values)
        for field, one in (("charts", self._chart), ("owners", self._owner)):
            if field in values:
                present[field] = {}
                for sent, index in values[field].items():
                    present[field].setdefault(one(sent), index)
        if "tags" in values:
            present["tags"] = {}
            for fqn, (index, label) in values["tags"].items():
                today = self._fqn("tag", fqn)
                present["tags"].setdefault(today, (index, label._replace(tag_fqn=today)))
        if "domain" in values:
            present["domain"] = self._fqn("domain", values["domain"])
        return present

    def of_parents(self, write: EntityWrite) -> Mapping[str, Any]:
        """Returns the values of an entity."""
        present = dict(write.values)
        for field, kind in write.kind.parents.items():
            sent = write.values.get(field)
            if isinstance(sent, str):
                present[field] = self._fqn(kind, names.requoted(sent))
            elif sent:
                present[field] = [self._fqn(kind, names.requoted(fqn)) for fqn in sent]
        return present

    def _fqn(self, kind: str, fqn: str) -> str:
        # What failed in the chunk is not replaced: what refers to it fails with it.
        return fqn if self._known.has_failed(kind, fqn) else self._known.present(kind, fqn)

    def _chart(self, key: AssetName) -> AssetName:
        if self._known.has_failed("chart", names.join(*key)):
            return key
        present = self._known.present_chart(key)
        return present if self._sight.shows_charts(self._principal, [present]) else key

    def _owner(self, sent: SentReference) -> SentReference:
        fqn = sent.fqn or (names.quote(sent.name) if sent.name else "")
        record = self._known.formerly(sent.type, fqn) if fqn else None
        if record is None:
            return sent
        return sent._replace(name=record.name if sent.name else "", fqn=record.fqn if sent.fqn else "")
