"""Recognizes what people give by mistake: files that are not JSON, and the JSON of other tools.

Each text completes a sentence that begins with the place: "x.yaml is YAML ...". Knows signs, not formats: what has one
gets here only if it lies where its format does not look.
"""

import re
from collections.abc import Mapping
from typing import Any

_CONVERT = 'write JSON instead, such as one {"dashboard": {...}} per line'
_WORKBOOK = 'is a workbook: save each sheet as CSV, in Excel as "CSV UTF-8"'
_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "is a ZIP archive in no known format: unpack it, and give a JSON file"),
    (b"\xd0\xcf\x11\xe0", _WORKBOOK),
    (b"\x1f\x8b", "is compressed: decompress it, for example with gunzip -c FILE | dashboard-catalog ingest -"),
    (b"\xff\xfe", "is UTF-16 text: save it as UTF-8"),
    (b"\xfe\xff", "is UTF-16 text: save it as UTF-8"),
)
_YAML = re.compile(r"---(?:\s|$)|%YAML\b|- |[A-Za-z_][\w .-]*:(?:\s|$)")
_SEPARATED = re.compile(r'(?:"[^"]*"|[\w .-]+)(?:([,;\t])(?:"[^"]*"|[\w .-]*))(?:\1(?:"[^"]*"|[\w .-]*))*')

_UNREADABLE = "which cannot be loaded"
# For each tool: what its file is and what to do, and the sets of keys that give it away.
_TOOLS: Mapping[str, tuple[frozenset[str], ...]] = {
    "a dashboard of Grafana: give each dashboard as a file, with --from grafana": tuple(
        frozenset(("schemaVersion", key)) for key in ("panels", "rows", "annotations", "templating", "title")
    ),
    "metadata of DataHub: add --from datahub": (
        frozenset(("proposedSnapshot",)),
        frozenset(("entityType", "aspectName")),
        frozenset(("entityUrn", "aspectName")),
    ),
    "a dashboard of Superset: export it, or use --from superset with --url": (
        frozenset(("dashboard_title",)),
        frozenset(("__Dashboard__",)),
    ),
    "a chart of Superset: export its dashboard, or use --from superset with --url": (
        frozenset(("slice_name",)),
        frozenset(("slice_id", "viz_type")),
    ),
    f"a dashboard of Metabase, {_UNREADABLE}": (frozenset(("dashcards",)), frozenset(("ordered_cards",))),
    f"a dashboard of Looker, {_UNREADABLE}": (frozenset(("dashboard_elements",)),),
    f"an answer of Power BI, {_UNREADABLE}": (frozenset(("@odata.context",)),),
}
# Objects that wrap one of the above.
_WRAPPERS = ("dashboard", "dashboards", "result", "spec")


def other_format(name: str, start: bytes) -> str | None:
    """Returns why a file is not JSON, and what to do; None if it may be JSON.

    Args:
        name: Name of the file.
        start: Its first bytes.
    """
    if _has_suffix(name, ".xlsx", ".xlsm", ".ods"):
        return _WORKBOOK
    for signature, text in _SIGNATURES:
        if start.startswith(signature):
            return text
    if b"\0" in start:
        return "is not text: " + _CONVERT
    lines = start.decode("utf-8-sig", errors="replace").lstrip().splitlines()
    first = lines[0].rstrip() if lines else ""
    # In a file of lines, a first line that is broken fails alone.
    if first.startswith(("{", "[")) or not first or _has_suffix(name, ".ndjson", ".jsonl"):
        return None
    if first.startswith("<"):
        return "is HTML or XML, perhaps the page of a login: " + _CONVERT
    if _has_suffix(name, ".csv", ".tsv") or _SEPARATED.fullmatch(first):
        return f"is CSV: add --from csv, and --map COLUMN=FIELD for each column; or {_CONVERT}"
    if _has_suffix(name, ".yaml", ".yml") or _YAML.match(first):
        return (
            "is YAML: give the whole archive or folder if it is of an export of Superset; "
            "convert other YAML to JSON, for example with yq -o json FILE"
        )
    return None


def other_tool(value: Mapping[str, Any]) -> str | None:
    """Returns what an object of another tool is, and what to do with it; None if it cannot be told."""
    for tool, signs in _TOOLS.items():
        if any(sign <= value.keys() for sign in signs):
            return tool
    for key in _WRAPPERS:
        inner = value.get(key)
        inner = inner[0] if isinstance(inner, list) and inner else inner
        if isinstance(inner, Mapping) and (found := other_tool(inner)):
            return found
    return None


def _has_suffix(name: str, *suffixes: str) -> bool:
    return name.lower().endswith(suffixes)
