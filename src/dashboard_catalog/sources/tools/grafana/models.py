"""Finds dashboards of Grafana in JSON, whatever they are wrapped in.

Grafana writes the same model in several ways: by itself, in an answer of its API beside `meta`, and as a Kubernetes
resource. Does not know items.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

Object = Mapping[str, Any]

_ROOT_FOLDERS = ("", "General")
_NOBODY = ("", "Anonymous")


@dataclass(frozen=True, slots=True)
class GrafanaDashboard:
    """A dashboard with what its wrapper says about it.

    Attributes:
        model: The dashboard itself.
        uid: Its uid; None if it has none.
        folder: Title of its folder; None if it is in none, or the wrapper does not say.
        folder_uid: Uid of its folder; None likewise.
        path: Its path at the server: `/d/UID/SLUG`; None if the wrapper does not say.
        creator: Login of the user who created it; None likewise.
    """

    model: Object
    uid: str | None
    folder: str | None = None
    folder_uid: str | None = None
    path: str | None = None
    creator: str | None = None


def dashboards_in(value: object) -> Iterator[GrafanaDashboard]:
    """Yields the dashboards in a JSON value: one, or those of a list."""
    values = value
    if is_object(value) and isinstance(value.get("items"), list):
        values = value["items"]
    for one in values if isinstance(values, list) else [values]:
        if is_object(one) and (found := _dashboard(one)):
            yield found


def is_object(value: object) -> TypeGuard[Object]:
    """Says whether a JSON value is an object."""
    return isinstance(value, dict)


def text_in(value: object, key: str) -> str | None:
    """Returns the text at a key of an object; None if there is none, or it is empty."""
    text = value.get(key) if is_object(value) else None
    return text if isinstance(text, str) and text else None


def _dashboard(value: Object) -> GrafanaDashboard | None:
    if _is_resource(value):
        return GrafanaDashboard(value["spec"], text_in(value.get("metadata"), "name") or _uid(value["spec"]))
    inner = value.get("dashboard")
    if is_object(inner) and _is_model(inner):
        return _with_meta(inner, value.get("meta"))
    return GrafanaDashboard(value, _uid(value)) if _is_model(value) else None


def _is_resource(value: Object) -> bool:
    """Says whether it is a resource of Grafana 12 or later, or of Grizzly."""
    is_of_grafana = "grafana" in (text_in(value, "apiVersion") or "")
    return is_of_grafana and value.get("kind") == "Dashboard" and is_object(value.get("spec"))


def _is_model(value: Object) -> bool:
    if value.get("type") == "row" or not ("title" in value or "schemaVersion" in value):
        return False
    has_panels = isinstance(value.get("panels"), list) or isinstance(value.get("rows"), list)
    is_second_schema = is_object(value.get("elements")) and is_object(value.get("layout"))
    return has_panels or is_second_schema or ("title" in value and "schemaVersion" in value)


def _with_meta(model: Object, meta: object) -> GrafanaDashboard:
    folder, creator = text_in(meta, "folderTitle"), text_in(meta, "createdBy")
    folder_uid = text_in(meta, "folderUid")
    return GrafanaDashboard(
        model,
        _uid(model),
        folder if folder_uid or folder not in _ROOT_FOLDERS else None,
        folder_uid,
        text_in(meta, "url"),
        creator if creator not in _NOBODY else None,
    )


def _uid(model: Object) -> str | None:
    uid = model.get("uid")
    return str(uid) if isinstance(uid, int) and not isinstance(uid, bool) else text_in(model, "uid")
