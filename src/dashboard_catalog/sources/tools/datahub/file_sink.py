"""Files of DataHub's file sink: dashboards and charts of any BI tool, with their owners, tags and domains.

Names are the ids in the URNs, which are those that the BI tools give, so the assets stay the same if another tool loads
them later. What DataHub keeps beside dashboards and charts, such as datasets, is counted and left out.
"""

import re
from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import replace

from dashboard_catalog.sources.files.trees import Tree, files_named
from dashboard_catalog.sources.items.found import Body, Found, FoundItem
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.problems import SourceError
from dashboard_catalog.sources.tools.datahub.aspects import SUFFIXES, Entity, Metadata, read
from dashboard_catalog.sources.tools.datahub.bodies import INFO, item_of, labels_of
from dashboard_catalog.sources.tools.datahub.names import Names
from dashboard_catalog.sources.tools.datahub.urns import name_in, type_of
from dashboard_catalog.sources.tools.tool_items import Tags, service_item
from dashboard_catalog.sources.wishes import Wishes

CLASSIFICATION = "DataHubTags"
"""The classification of DataHub's tags, which have none of their own."""

_START_BYTES = 65_536
_TRIED_FILES = 5
_EVENT = re.compile(rb'(?<!\\)"proposedSnapshot"\s*:')
_PROPOSAL = (re.compile(rb'(?<!\\)"entityUrn"\s*:'), re.compile(rb'(?<!\\)"aspectName"\s*:'))


class DataHub:
    """The format."""

    name = "datahub"
    has_all_charts = True

    def recognizes(self, tree: Tree) -> bool:
        """Says whether one of the first files begins with events or proposals."""
        names = files_named(tree, SUFFIXES)[:_TRIED_FILES]
        starts = [tree.start(name, _START_BYTES).lstrip(b"\xef\xbb\xbf \t\r\n") for name in names]
        return any(
            start.startswith((b"[", b"{")) and bool(_EVENT.search(start) or all(one.search(start) for one in _PROPOSAL))
            for start in starts
        )

    def items(self, tree: Tree, wishes: Wishes) -> Iterator[Found]:
        """Yields the BI services, the tags that are used, the charts and the dashboards."""
        metadata = read(tree)
        kept = [asset for kind in INFO for asset in metadata.of_type(kind) if _why_left_out(asset) is None]
        if not kept and not metadata.problems:
            raise SourceError(f"{tree.name} has no dashboards or charts{_instead(metadata)}")
        names, tags = Names(metadata, wishes), Tags(CLASSIFICATION)
        # Learns the BI services and tags of all assets first, so that no item waits in memory for the others.
        for asset in kept:
            names.use(asset.urn)
            labels_of(asset, tags)
        for name, service_type in names.services():
            yield service_item(tree.name, name, service_type)
        described = {name_in(tag.urn): _described(tag) for tag in metadata.of_type("tag")}
        yield from tags.items(tree.name, {name: described[name] for name in tags.used if name in described})
        left_out = tuple(_left_out(metadata, tags.used))
        for asset in kept:
            item = item_of(asset, metadata, names, tags)
            if isinstance(item, FoundItem) and left_out:
                yield replace(item, dropped=(*item.dropped, *left_out))
                left_out = ()
            else:
                yield item
        yield from metadata.problems


def _described(tag: Entity) -> tuple[str, Body]:
    """Returns the place of a tag, and what is known of it."""
    shown = tag.get("tagProperties", "name")
    fields = {"displayName": shown if shown != name_in(tag.urn) else None}
    return tag.place, fields | {"description": tag.get("tagProperties", "description")}


def _why_left_out(asset: Entity) -> str | None:
    kind = Kind(type_of(asset.urn))
    if asset.is_removed:
        return f"{kind} (removed)"
    # Alone, a tag or an owner would make an asset without a title, or one whose charts are not known.
    return None if INFO[kind] in asset.aspects else f"{kind} (without {INFO[kind]})"


def _left_out(metadata: Metadata, used_tags: Container[str]) -> Iterator[str]:
    """Yields, for each entity that is left out, its type or the reason."""
    for type, urns in metadata.others.items():
        yield from [type] * len(urns)
    for kind in INFO:
        yield from [reason for asset in metadata.of_type(kind) if (reason := _why_left_out(asset))]
    yield from ["tag (not used)" for tag in metadata.of_type("tag") if name_in(tag.urn) not in used_tags]
    yield from ["domain" for _ in metadata.of_type("domain")]


def _instead(metadata: Metadata) -> str:
    held = ", ".join(f"{what} ({count:,})" for what, count in Counter(_left_out(metadata, ())).items())
    return f", but {held}" if held else ""
