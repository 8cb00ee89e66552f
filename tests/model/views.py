"""What a server answers, and what the model says, in one form that can be compared."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.model.catalog import PROPERTY, Asset, Spec, Thing, fields_of

Json = dict[str, Any]


def sent(spec: Spec) -> Json:
    """Returns the JSON of a spec."""
    body: Json = {"name": spec.name, "service": spec.service.fqn}
    for name, value in spec.values.items():
        match name:
            case "owners":
                body[name] = [{"type": "user", "name": user.name} for user in _sorted(value)]
            case "domain":
                body[name] = value.fqn
            case "tags":
                body[name] = [{"tagFQN": tag.fqn} for tag in _sorted(value)]
            case "charts":
                body[name] = [f"{service.fqn}.{chart}" for service, chart in value]
            case "extension":
                body[name] = {PROPERTY: value}
            case _:
                body[name] = value
    return body


def expected(asset: Asset, number: int | None = None) -> Json:
    """Returns a version of an asset as the model has it: the newest, or one by its number."""
    place = len(asset.versions) if number is None else number
    version = asset.versions[place - 1]
    view = {
        "name": version.name,
        "fqn": f"{asset.service.fqn}.{version.name}",
        "version": place,
        "deleted": version.deleted,
        "by": version.actor.subject,
        **{name: shown(name, version.values.get(name)) for name in fields_of(asset.kind)},
        "edited": _marks(asset) if place == len(asset.versions) else [],
        "change": difference(asset, place - 1, place) if place > 1 else {},
    }
    if asset.id:
        view["id"] = asset.id
    return view


def answered(asset: Json, kind: str) -> Json:
    """Returns an asset as a server has answered it."""
    view = {
        "name": asset["name"],
        "fqn": asset["fullyQualifiedName"],
        "version": round(asset["version"] * 10),
        "deleted": asset.get("deleted", False),
        "by": asset["updatedBy"],
        "description": asset.get("description"),
        "sourceUrl": asset.get("sourceUrl"),
        "owners": sorted(owner["name"] for owner in asset.get("owners", ())),
        "domain": next((domain["fullyQualifiedName"] for domain in asset.get("domains", ())), None),
        "tags": sorted(tag["tagFQN"] for tag in asset.get("tags", ())),
        "edited": _edited(asset.get("edited", {})),
        "change": change_of(asset.get("changeDescription", {})),
        "id": asset["id"],
    }
    if kind == "dashboard":
        view["charts"] = [chart.get("fullyQualifiedName") or chart["id"] for chart in asset.get("charts", ())]
        view["extension"] = asset.get("extension", {}).get(PROPERTY)
    return view


def expected_by_http(asset: Asset, number: int | None = None) -> Json:
    """Returns a version of an asset as HTTP shows it, where clients cannot read what has no id or no type."""
    view = expected(asset, number)
    del view["edited"]
    if "charts" in view:
        charts = asset.versions[view["version"] - 1].values.get("charts", ())
        view["charts"] = [chart.fqn for chart in charts if not chart.removed]
    return view


def answered_by_http(asset: Json, kind: str) -> Json:
    """Returns an asset as a server has answered it over HTTP."""
    view = answered(asset, kind)
    del view["edited"]
    return view


def shown_values(spec: Spec) -> Json:
    """Returns the fields of a spec as callers see them once they are written."""
    names = fields_of(spec.kind)
    shown_there = {name: shown(name, spec.values.get(name)) for name in names if name != "charts"}
    return {**shown_there, "charts": sent(spec).get("charts", [])}


def change_of(description: Json) -> Json:
    """Returns a change description as {field: (old, new)}; a list that got a new order is its two lists."""
    change: Json = {}
    for part, keys in (("fieldsAdded", ("", "newValue")), ("fieldsDeleted", ("oldValue", ""))):
        for each in description.get(part, ()):
            old, new = change.get(each["name"], ([], []))
            change[each["name"]] = (
                _plain(each["name"], each.get(keys[0])) or old,
                _plain(each["name"], each.get(keys[1])) or new,
            )
    for each in description.get("fieldsUpdated", ()):
        change[each["name"]] = (
            _plain(each["name"], each["oldValue"]),
            _plain(each["name"], each["newValue"]),
        )
    return change


def difference(asset: Asset, from_: int, to: int) -> Json:
    """Returns what changed between two versions of an asset, in the form of `change_of`."""
    before, after = asset.versions[from_ - 1], asset.versions[to - 1]
    change: Json = {}
    for name in fields_of(asset.kind):
        old, new = shown(name, before.values.get(name)), shown(name, after.values.get(name))
        if old != new:
            change |= _field_change(name, old, new)
    if before.deleted != after.deleted:
        change["deleted"] = (before.deleted, after.deleted)
    if before.name != after.name:
        change["name"] = (before.name, after.name)
    return change


def _field_change(name: str, old: Any, new: Any) -> Json:
    if name == "extension":
        if old is None or new is None:
            return {"extension": ([{PROPERTY: old}] if old else [], [{PROPERTY: new}] if new else [])}
        return {f"extension.{PROPERTY}": (old, new)}
    if name == "domain":
        return {"domains": ([old] if old else [], [new] if new else [])}
    if isinstance(old, list):
        gone, came = [each for each in old if each not in new], [each for each in new if each not in old]
        if not gone and not came:
            return {name: (old, new)}
        return {name: (gone, came)}
    return {name: (old if old is not None else [], new if new is not None else [])}


def shown(name: str, value: Any) -> Any:
    """Returns the value of a field as callers see it."""
    match name:
        case "owners":
            return sorted(user.name for user in value or ())
        case "tags":
            return sorted(tag.fqn for tag in value or ())
        case "charts":
            return [chart.id if chart.removed else chart.fqn for chart in value or ()]
        case "domain":
            return value.fqn if value else None
    return value or None


def _plain(name: str, value: Any) -> Any:
    if name == "tags" and value:
        return sorted(tag["tagFQN"] for tag in value)
    if name == "owners" and value:
        return sorted(value)
    return value


def _marks(asset: Asset) -> list[str]:
    return sorted(f"{mark} {what.fqn if isinstance(what, Thing) else what}" for mark, what in asset.marks)


def _edited(edited: Mapping[str, Sequence[str]]) -> list[str]:
    marks = (("field", "fields"), ("tag", "tags"), ("key", "extensionKeys"))
    return sorted(f"{mark} {what}" for mark, part in marks for what in edited.get(part, ()))


def _sorted(things: Any) -> list[Thing]:
    return sorted(things, key=lambda thing: thing.fqn)
