"""Shows a result of a search: what it is, and where it matches, with the words marked.

Pure: from a `SearchResult` to styled lines for a width.
"""

from collections.abc import Iterator
from typing import Any

from rich.text import Text

from dashboard_catalog.cli import output
from dashboard_catalog.sources.kinds import Kind
from dashboardcatalog.v1 import search_pb2

_INDENT = 4
_MATCH = "bold red"


def result_lines(result: search_pb2.SearchResult, width: int | None) -> Iterator[Text]:
    """Yields the lines of a result; where it matches is cut at the width, if there is one."""
    resource = _resource(result)
    marked = {snippet.text: _marked(snippet) for snippet in reversed(result.snippets)}
    shown = resource.display_name if resource.display_name != resource.name else ""
    yield Text.assemble(
        *_full_name(resource, marked),
        (f"  {Kind.named(result.kind).replace('_', ' ')}", "cyan"),
        "  " if shown else "",
        marked.get(shown, output.printable(_one_line(shown))),
        ("  deleted", "red") if resource.deleted else "",
    )
    for snippet in result.snippets:
        if snippet.text not in {resource.name, shown}:
            line = Text.assemble(" " * _INDENT, (f"{output.printable(snippet.field)}: ", "dim"), _marked(snippet))
            if width is not None:
                line.truncate(width, overflow="ellipsis")
            yield line


def _resource(result: search_pb2.SearchResult) -> Any:
    which = result.WhichOneof("resource") or "dashboard"
    resource = getattr(result, which)
    return getattr(resource, resource.WhichOneof("entity") or "user") if which == "entity" else resource


def _full_name(resource: Any, marked: dict[str, Text]) -> Iterator[Text]:
    """Yields the parts of the fully qualified name, in which the name is marked as its snippet is."""
    fqn, name = resource.fully_qualified_name, resource.name
    if name in marked and fqn.endswith(name):
        yield Text(output.printable(fqn.removesuffix(name)), "bold")
        yield marked[name]
    else:
        yield Text(output.printable(fqn), "bold")


def _marked(snippet: search_pb2.Snippet) -> Text:
    """Returns the text of a snippet as one line, with the parts that match marked."""
    line, end = Text(), 0
    for part in snippet.ranges:
        line.append(output.printable(_one_line(snippet.text[end : part.start])))
        line.append(output.printable(_one_line(snippet.text[part.start : part.end])), _MATCH)
        end = part.end
    return line.append(output.printable(_one_line(snippet.text[end:])))


def _one_line(text: str) -> str:
    return text.replace("\n", " ").replace("\t", " ")
