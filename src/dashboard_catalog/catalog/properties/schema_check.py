"""JSON Schema with readable errors: what was sent, and what was expected.

The `description` of each subschema completes the sentence "expected ...". This module must not know properties.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from jsonschema_rs import Draft202012Validator, EmailOptions, ValidationError, ValidationErrorKind

from dashboard_catalog.catalog.properties.extension_rules import field_step

Schema = dict[str, Any]

_SHOWN_CHARACTERS = 80
_LISTED_CHARACTERS = 400


@dataclass(frozen=True, slots=True)
class Fault:
    """A part of a value that does not fit its schema.

    Attributes:
        path: Path from the value, to be appended to the value's own: `.rows[1].colour`; empty for the value itself.
        keyword: The JSON Schema keyword that failed.
        description: What is wrong, and what is expected.
    """

    path: str
    keyword: str
    description: str


class StartNotAfterEnd:
    """The keyword `startNotAfterEnd`: JSON Schema itself cannot compare two properties of an object."""

    def __init__(self, parent_schema: Schema, value: Any, schema_path: list[str | int]) -> None:
        pass

    def validate(self, instance: Any) -> None:
        """Refuses an object whose whole numbers `start` and `end` are in the wrong order."""
        match instance:
            case {"start": int(start), "end": int(end)} if start > end:
                raise ValueError("start is after end")


class SchemaCheck:
    """A compiled JSON Schema (Draft 2020-12) whose formats are asserted.

    Args:
        schema: Has a `description`, as has every subschema that expects something else. Its `properties` describe
            everything that it requires.
        formats: Additional formats by name. An unknown format does not compile.
    """

    __slots__ = ("_schema", "_validator")

    def __init__(self, schema: Schema, formats: Mapping[str, Callable[[str], bool]]) -> None:
        self._schema = schema
        self._validator = Draft202012Validator(
            schema,
            formats=dict(formats),
            validate_formats=True,
            ignore_unknown_formats=False,
            email_options=EmailOptions(require_tld=True, allow_domain_literal=False, allow_display_text=False),
            keywords={"startNotAfterEnd": StartNotAfterEnd},
            offline=True,
        )

    def accepts(self, value: Any) -> bool:
        """Says whether `value` fits. Far cheaper than `faults`."""
        return self._validator.is_valid(value)

    def faults(self, value: Any) -> list[Fault]:
        """Returns everything in `value` that does not fit; one fault where several keywords say the same."""
        errors = self._validator.iter_errors(value)
        faults = [fault for error in errors for fault in self._describe(error)]
        return list({(fault.path, fault.description): fault for fault in faults}.values())

    def _describe(self, error: ValidationError) -> Iterator[Fault]:
        path, keyword, parent = error.instance_path, error.kind.name, error.schema_path[:-1]
        expected = self._expected(parent)
        match error.kind:
            case ValidationErrorKind.Required(property=name):
                wanted = self._expected([*parent, "properties", name])
                yield Fault(_path(*path, name), keyword, f"is missing; expected {wanted}")
            case ValidationErrorKind.AdditionalProperties(unexpected=names):
                for name in names:
                    yield Fault(_path(*path, name), keyword, f"is unknown; expected {expected}")
            case ValidationErrorKind.UniqueItems():
                for index, item in _repeated(error.instance):
                    yield Fault(_path(*path, index), keyword, f"{shown(item)} occurs twice; expected {expected}")
            case _:
                yield Fault(_path(*path), keyword, f"got {shown(error.instance)}; expected {expected}")

    def _expected(self, steps: list[str | int]) -> str:
        """Returns the innermost description along the path `steps` into the schema."""
        node: Any = self._schema
        expected = node["description"]
        for step in steps:
            node = node[step]
            # A map of properties may hold a property of that name.
            if isinstance(node, dict) and isinstance(node.get("description"), str):
                expected = node["description"]
        return str(expected)


def shown(value: Any) -> str:
    """Returns `value` as JSON, cut so that an error has room for more than one."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."


def listed(values: Iterable[str]) -> str:
    """Returns `values` as part of a sentence; only as many as an error has room for."""
    quoted = [shown(value) for value in values]
    count = sum(length <= _LISTED_CHARACTERS for length in accumulate(len(text) + 2 for text in quoted))
    rest = len(quoted) - count
    return ", ".join(quoted[:count]) + (f" and {rest} more" if rest else "")


def _path(*steps: str | int) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{field_step(step)}" for step in steps)


def _repeated(items: Any) -> Iterator[tuple[int, Any]]:
    seen: set[str] = set()
    for index, item in enumerate(items):
        text = json.dumps(item, sort_keys=True)
        if text in seen:
            yield index, item
        seen.add(text)
