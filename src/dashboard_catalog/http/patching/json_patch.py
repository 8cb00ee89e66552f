"""JSON Patch (RFC 6902): checks the operations that callers send, and applies them to a document.

Knows nothing of dashboards: whoever calls it says which members of the document can be written. No error quotes a
value.
"""

import copy
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jsonpatch
import jsonpointer

from dashboard_catalog.catalog.properties.extension_rules import same_json
from dashboard_catalog.error_codes import Reason, ViolationReason
from dashboard_catalog.errors import CatalogError, Violation, Violations, invalid
from dashboard_catalog.http.dialect.strict_json import MAX_DEPTH, depth_of

MAX_OPERATIONS = 1_000

MAX_COPIED_BYTES = 512 * 2**10
"""What a patch may copy within its document. Without a limit, a few copies of copies would fill the memory."""

MAX_PATH_CHARACTERS = 10_000

IGNORED = frozenset({"version", "updatedAt", "updatedBy", "href", "changeDescription", "incrementalChangeDescription"})
"""Members that clients send back with their new values. The catalog decides them itself."""

NOT_KEPT = frozenset(
    (
        *("certification", "dataContract", "dataProducts", "domainType", "domains", "entityStatus", "extension"),
        *("experts", "followers", "lifeCycle", "owners", "reviewers", "style", "tags", "usageSummary", "votes"),
        *("dashboards", "dataModels", "connection", "ingestionRunner", "pipelines", "testConnectionResult"),
        *("defaultPersona", "defaultRoles", "isAdmin", "isJoinable", "personas", "policies", "profile", "roles"),
        *("teams", "users"),
    )
)
"""Members that OpenMetadata has and the catalog does not keep where they cannot be written. PUT drops them, too."""

# What a server adds to a reference. Clients remove it before they replace the id, even if this server has not sent it.
_ADDED_TO_REFERENCES = frozenset(
    (name,) for name in ("name", "fullyQualifiedName", "displayName", "description", "deleted", "href", "inherited")
)
_VERBS = ("add", "remove", "replace", "move", "copy", "test")
_WITH_VALUE = frozenset({"add", "replace", "test"})
_WITH_FROM = frozenset({"move", "copy"})
_MAX_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation whose shape is right.

    Attributes:
        index: Its place in the patch.
        verb: What it does.
        path: Where, split at the slashes.
        source: What it copies or moves, likewise; empty for the others.
        sent: The operation as sent.
    """

    index: int
    verb: str
    path: tuple[str, ...]
    source: tuple[str, ...]
    sent: Mapping[str, Any]


class Patch(NamedTuple):
    """A patch whose operations have the right shape.

    Attributes:
        operations: Those that apply to a document.
        dropped: The members that others wanted to write, and that the catalog does not keep.
    """

    operations: list[Operation]
    dropped: list[str]


def read_patch(patch: Any, writable: Collection[str]) -> Patch:
    """Returns a patch, without the operations that are ignored.

    Args:
        patch: JSON as sent.
        writable: The members of the document that can be written.

    Raises:
        CatalogError: INVALID_ARGUMENT with every operation that is malformed, or that writes something else.
    """
    if not isinstance(patch, list):
        raise CatalogError(Reason.MALFORMED_REQUEST, "the body must be a JSON Patch: a list of operations")
    if len(patch) > MAX_OPERATIONS:
        text = f"a patch has at most {MAX_OPERATIONS:,} operations; this one has {len(patch):,}"
        raise CatalogError(Reason.MALFORMED_REQUEST, text)
    violations = Violations()
    read = Patch([], [])
    for index, sent in enumerate(patch):
        operation = violations.gather(partial(_operation, index, sent))
        if operation is None or (operation.verb != "move" and _writes_one_of(IGNORED, operation)):
            continue
        if _writes_one_of(NOT_KEPT.difference(writable), operation):
            read.dropped.append(operation.path[0])
            if operation.verb != "move":
                continue
            # Clients that compare two states send a removal and an addition of equal values as one move.
            operation = Operation(index, "remove", operation.source, (), {"op": "remove", "path": sent["from"]})
        violations.extend(_unwritable(operation, writable))
        read.operations.append(operation)
    violations.check()
    return read


def patched(document: Mapping[str, Any], operations: Sequence[Operation]) -> dict[str, Any]:
    """Returns a document after operations, which leave the original as it is.

    Raises:
        CatalogError: INVALID_ARGUMENT if an operation cannot be applied, MESSAGE_TOO_LARGE if copies grow too large.
    """
    result = copy.deepcopy(dict(document))
    room = MAX_COPIED_BYTES
    for operation in operations:
        try:
            if operation.verb == "copy":
                room -= len(json.dumps(jsonpointer.JsonPointer(operation.sent["from"]).resolve(result)))
                if room < 0:
                    raise _too_large()
            if not _removes_nothing(operation, result):
                result = jsonpatch.JsonPatch([operation.sent]).apply(result, in_place=True)
        except RecursionError:
            raise _too_deep() from None
        except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, LookupError, TypeError, ValueError):
            raise _inapplicable(operation) from None
    if depth_of(result) > MAX_DEPTH:
        raise _too_deep()
    return result


def changes_between(before: Mapping[str, Any], after: Mapping[str, Any], writable: Collection[str]) -> dict[str, Any]:
    """Returns the writable members that differ, with their new values; None for those that are gone."""
    return {key: after.get(key) for key in sorted(writable) if not same_json(before.get(key), after.get(key))}


def _operation(index: int, sent: Any) -> Operation:
    """Returns an operation.

    Raises:
        CatalogError: INVALID_ARGUMENT if it is malformed.
    """
    if not isinstance(sent, dict):
        raise _malformed(f"[{index}]", "must be an object with op and path")
    verb = sent.get("op")
    if verb not in _VERBS:
        raise _malformed(f"[{index}].op", f"must be one of {', '.join(_VERBS)}")
    if verb in _WITH_VALUE and "value" not in sent:
        raise _malformed(f"[{index}].value", f"is required for {verb}")
    source = _parts(sent.get("from"), f"[{index}].from") if verb in _WITH_FROM else ()
    return Operation(index, verb, _parts(sent.get("path"), f"[{index}].path"), source, sent)


def _parts(path: Any, field: str) -> tuple[str, ...]:
    if not isinstance(path, str):
        raise _malformed(field, "must be a JSON Pointer, such as /description or /tags/0")
    if len(path) > MAX_PATH_CHARACTERS:
        raise _malformed(field, f"must be at most {MAX_PATH_CHARACTERS:,} characters, has {len(path):,}")
    try:
        return tuple(jsonpointer.JsonPointer(path).parts)
    except jsonpointer.JsonPointerException:
        raise _malformed(field, "must be a JSON Pointer, such as /description or /tags/0") from None


def _malformed(field: str, text: str) -> CatalogError:
    return invalid([Violation(field, ViolationReason.INVALID_FORMAT, text)])


def _writes_one_of(members: Collection[str], operation: Operation) -> bool:
    """Says whether what an operation writes is in one of these members. A move removes something besides."""
    return operation.verb != "test" and bool(operation.path) and operation.path[0] in members


def _unwritable(operation: Operation, writable: Collection[str]) -> list[Violation]:
    """Returns which paths of an operation cannot be written. What it only reads can be anywhere."""
    written = {"path": operation.path} if operation.verb != "test" else {}
    if operation.verb == "move":
        written["from"] = operation.source
    return [
        Violation(f"[{operation.index}].{name}", ViolationReason.IMMUTABLE, _cannot_be_written(parts, writable))
        for name, parts in written.items()
        if not parts or parts[0] not in writable
    ]


def _cannot_be_written(parts: Sequence[str], writable: Collection[str]) -> str:
    shown = _shown(parts) or "the whole document"
    return f"{shown} cannot be written; expected a path in {', '.join(f'/{name}' for name in sorted(writable))}"


def _removes_nothing(operation: Operation, document: dict[str, Any]) -> bool:
    """Says whether an operation removes what a server may add to a reference, and what this reference lacks."""
    if operation.verb != "remove" or operation.path[2:] not in _ADDED_TO_REFERENCES:
        return False
    *place, last = operation.path
    reference = jsonpointer.JsonPointer.from_parts(place).resolve(document, None)
    return isinstance(reference, dict) and last not in reference


def _inapplicable(operation: Operation) -> CatalogError:
    if operation.verb == "test":
        text = f"the test of {_shown(operation.path)} has failed"
    elif operation.verb in _WITH_FROM:
        text = f"cannot {operation.verb} {_shown(operation.source)} to {_shown(operation.path)} in this document"
    else:
        text = f"cannot {operation.verb} {_shown(operation.path)} in this document"
    return invalid([Violation(f"[{operation.index}]", ViolationReason.INVALID_VALUE, text)])


def _shown(parts: Sequence[str]) -> str:
    path = jsonpointer.JsonPointer.from_parts(parts).path
    return path if len(path) <= _MAX_SHOWN else f"{path[: _MAX_SHOWN - 3]}..."


def _too_large() -> CatalogError:
    return CatalogError(
        Reason.MESSAGE_TOO_LARGE,
        f"what a patch copies must have at most {MAX_COPIED_BYTES} bytes",
        metadata={"limit": str(MAX_COPIED_BYTES)},
    )


def _too_deep() -> CatalogError:
    return CatalogError(Reason.MALFORMED_REQUEST, "the patch nests objects and lists too deeply")
