"""Decodes YAML into the values of JSON, with limits, since a file can come from anywhere.

Takes what tools write: plain scalars, lists, and objects whose keys are text. Refuses what can make a small file large
or build other objects: anchors, aliases and tags.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

MAX_BYTES = 8 * 2**20
MAX_DEPTH = 50
_MAX_NUMBER_CHARACTERS = 64
_CONVERTERS: Mapping[str, Callable[[Any, yaml.ScalarNode], Any]] = {
    tag: SafeConstructor.yaml_constructors[tag]
    for tag in (f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float"))
}
# The one with libyaml is several times faster; not every build of PyYAML has it.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlError(ValueError):
    """The text is not YAML that can be read; the message says where and why, on one line."""


def value_of(content: bytes) -> Any:
    """Returns the only document of a YAML file; None if it is empty.

    Dates, `.nan` and `.inf` are text, because JSON does not have them.

    Raises:
        YamlError: If it is not YAML, is not UTF-8, exceeds a limit, or has an anchor, an alias, a tag, a key twice or
            a key that is not text.
    """
    if len(content) > MAX_BYTES:
        raise YamlError(f"it has more than {MAX_BYTES:,} bytes")
    try:
        return _Document(_Loader(content.decode("utf-8-sig"))).value()
    except UnicodeDecodeError as error:
        raise YamlError(f"byte {error.start + 1} is not UTF-8") from error
    except yaml.MarkedYAMLError as error:
        raise _error_at(error.problem_mark or error.context_mark, error.problem or "it cannot be read") from error
    except yaml.YAMLError as error:
        # What the reader says of a character spans two lines and repeats what kind of string it was.
        raise YamlError(str(getattr(error, "reason", error)).partition("\n")[0]) from error


class _Document:
    """Builds values from the events of a parser, so that nothing is built that will be refused."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def value(self) -> Any:
        loader = self._loader
        loader.get_event()
        if not loader.check_event(yaml.DocumentStartEvent):
            return None
        loader.get_event()
        value = self._value(loader.get_event(), 0)
        loader.get_event()
        if not loader.check_event(yaml.StreamEndEvent):
            raise _error_at(loader.peek_event().start_mark, "there is a second document")
        return value

    def _value(self, event: Any, depth: int) -> Any:
        _check(event)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if depth == MAX_DEPTH:
            raise _error_at(event.start_mark, f"it is nested more than {MAX_DEPTH} deep")
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(depth + 1)
        return self._object(depth + 1)

    def _list(self, depth: int) -> list[Any]:
        values = []
        while not isinstance(event := self._loader.get_event(), yaml.SequenceEndEvent):
            values.append(self._value(event, depth))
        return values

    def _object(self, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while not isinstance(event := self._loader.get_event(), yaml.MappingEndEvent):
            _check(event)
            if not isinstance(event, yaml.ScalarEvent):
                raise _error_at(event.start_mark, "a key is not text")
            if (key := event.value) in values:
                raise _error_at(event.start_mark, f"the key {key[:50]!r} is there twice")
            values[key] = self._value(self._loader.get_event(), depth)
        return values

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        if not event.implicit[0]:
            return text
        tag = self._loader.resolve(yaml.ScalarNode, text, event.implicit)
        if (convert := _CONVERTERS.get(tag)) is None:
            return text
        if len(text) > _MAX_NUMBER_CHARACTERS:
            raise _error_at(event.start_mark, f"a number has more than {_MAX_NUMBER_CHARACTERS} characters")
        try:
            value = convert(self._loader, yaml.ScalarNode(tag, text))
        except (ValueError, OverflowError) as error:
            raise _error_at(event.start_mark, f"{text} is not a number") from error
        return text if isinstance(value, float) and not math.isfinite(value) else value


def _check(event: Any) -> None:
    """Refuses what no export needs, and what can do harm."""
    if isinstance(event, yaml.AliasEvent):
        raise _error_at(event.start_mark, "aliases (*) are not allowed")
    if event.anchor is not None:
        raise _error_at(event.start_mark, "anchors (&) are not allowed")
    if event.tag is not None:
        raise _error_at(event.start_mark, "tags (!) are not allowed")


def _error_at(mark: Any, text: str) -> YamlError:
    place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return YamlError(f"{text}{place}")
