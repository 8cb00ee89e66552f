"""Reads an export of Superset: of dashboards, of charts, or of all assets; a ZIP archive or a folder."""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from dashboard_catalog.sources.files.trees import Tree
from dashboard_catalog.sources.files.yaml_values import YamlError, value_of
from dashboard_catalog.sources.items.found import BadItem, Found
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.problems import SourceError
from dashboard_catalog.sources.tools.superset.charts import charts_in
from dashboard_catalog.sources.tools.superset.superset_items import SupersetItems
from dashboard_catalog.sources.wishes import Wishes

_METADATA = "metadata.yaml"
_TAGS = "tags.yaml"
_FOLDERS = ("dashboards", "charts", "datasets", "databases")
_START_BYTES = 256
_STARTS = re.compile(rb"version:|type:|timestamp:")
_NUMBER = re.compile(r"(?:^|_)(\d{1,18})\.ya?ml$")
# The file's own version, and the layout, of which the charts are kept.
_IGNORED = ("version", "position")


class SupersetExport:
    """The format of Superset's exports."""

    name = "superset"
    has_all_charts = True

    def recognizes(self, tree: Tree) -> bool:
        """Says whether there is `metadata.yaml` beside a folder that exports have, at the top or one folder below."""
        return _top(tree) is not None

    def items(self, tree: Tree, wishes: Wishes) -> Iterator[Found]:
        """Yields the BI service, the charts, the dashboards and the tags."""
        if (top := _top(tree)) is None:
            raise SourceError(f"{tree.name} is not an export of Superset: it has no {_METADATA} beside dashboards")
        yield from _Export(tree, top, SupersetItems(wishes, _IGNORED)).items()


class _Export:
    """One export, read once."""

    def __init__(self, tree: Tree, top: str, maker: SupersetItems) -> None:
        self._tree = tree
        self._top = top
        self._maker = maker
        self._charts = self._in_folder("charts")
        self._dashboards = self._in_folder("dashboards")
        # The number of each chart by its UUID, which an import keeps and the number does not.
        self._numbers: dict[str, int] = {}

    def items(self) -> Iterator[Found]:
        if not self._charts and not self._dashboards:
            raise SourceError(f"{self._tree.name} is an export of Superset without dashboards and charts")
        yield self._maker.bi_service(self._top + _METADATA)
        for name in self._charts:
            yield self._asset(name, Kind.CHART)
        for name in self._dashboards:
            yield self._asset(name, Kind.DASHBOARD)
        yield from self._tags()

    def _in_folder(self, folder: str) -> list[str]:
        start = f"{self._top}{folder}/"
        return [name for name in self._tree.names if name.startswith(start) and name.endswith((".yaml", ".yml"))]

    def _asset(self, place: str, kind: Kind) -> Found:
        if not (found := _NUMBER.search(PurePosixPath(place).name)):
            return BadItem(place, "has no number at the end of its name, so its id in Superset is not known", kind)
        number = int(found[1])
        try:
            content = value_of(self._tree.read(place))
        except YamlError as error:
            return self._maker.failed(place, kind, number, f"is not YAML that can be read: {error}")
        if not isinstance(content, dict):
            return self._maker.failed(place, kind, number, "is not an object")
        if not _are_names(content.get("tags")):
            return self._maker.failed(place, kind, number, "has tags that are not a list of names")
        if kind is Kind.DASHBOARD:
            charts = charts_in(content.get("position"), self._number)
            return self._maker.dashboard(place, number, content, charts)
        if isinstance(uuid := content.get("uuid"), str):
            self._numbers[uuid] = number
        return self._maker.chart(place, number, content)

    def _number(self, meta: Mapping[str, Any]) -> object:
        return self._numbers.get(str(meta.get("uuid")), meta.get("chartId"))

    def _tags(self) -> Iterator[Found]:
        place = self._top + _TAGS
        descriptions: dict[str, object] = {}
        if place in self._tree.names:
            try:
                descriptions = dict(_described(value_of(self._tree.read(place))))
            except YamlError as error:
                yield BadItem(place, f"is not YAML that can be read: {error}")
        yield from self._maker.tags(place, descriptions)


def _top(tree: Tree) -> str | None:
    """Returns the folder with the export, with its slash; None if this is not one."""
    found = [name for name in tree.names if PurePosixPath(name).name == _METADATA and name.count("/") <= 1]
    for metadata in found:
        top = metadata.removesuffix(_METADATA)
        folders = tuple(f"{top}{folder}/" for folder in _FOLDERS)
        if any(name.startswith(folders) for name in tree.names):
            return top if _STARTS.match(tree.start(metadata, _START_BYTES)) else None
    return None


def _are_names(tags: object) -> bool:
    """Says whether this is a list of names. There may be none at all."""
    return tags is None or (isinstance(tags, list) and all(isinstance(tag, str) for tag in tags))


def _described(content: object) -> Iterator[tuple[str, object]]:
    """Yields the name and the description of each tag."""
    tags = content.get("tags") if isinstance(content, dict) else None
    for tag in tags if isinstance(tags, list) else ():
        if isinstance(tag, dict) and isinstance(name := tag.get("tag_name"), str) and name:
            yield name, tag.get("description")
