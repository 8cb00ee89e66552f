"""One of several callers of a catalog that servers of different versions write at the same time.

Like `story`, it runs with the stubs of the server that it calls: `python -m tests.upgrades.visit ADDRESS TOKENS NAME
OTHERS`. Each visitor has a name, which is in everything that it writes, and checks what the others have left.
"""

import sys

import grpc

from tests.upgrades.story import Caller, Json, of

CHARTS = 40
EDITS = 5


def visit(admin: Caller, steward: Caller, bot: Caller, name: str) -> None:
    """Reads, edits, loads and deletes."""
    service = f"by-{name}"
    admin.load([{"entity": entity} for entity in _entities(name, service)])
    _load(bot, name, service)
    _edit(steward, name, service)
    _delete(admin, steward, name, service)
    admin.call("DeleteEntity", kind="KIND_USER", fullyQualifiedName=f"{name}-gone", hard=True)
    admin.call("UpsertEntity", entity={"team": {"name": "sales", "description": f"of {name}"}})
    if admin.can("RenameDashboard", fullyQualifiedName="a.b", newName="c"):
        admin.call("RenameDashboard", fullyQualifiedName=f"{service}.renamed", newName=f"renamed by {name}")
    _read(admin, name, service)


def check(admin: Caller, bot: Caller, name: str) -> None:
    """Fails unless everything is there that another visitor has left, on whichever server."""
    service = f"by-{name}"
    _read(admin, name, service)
    refused = of(service, "dashboard", [{"name": "refused", "owners": [{"type": "user", "name": f"{name}-gone"}]}])
    loaded = bot.load(refused)
    assert int(loaded.get("failed", 0)) == 1, f"an owner that {name} has removed is accepted: {loaded}"
    again = bot.load(of(service, "chart", _charts(CHARTS, "changed")[: CHARTS // 2]))
    assert int(again["unchanged"]) == CHARTS // 2, again


def _entities(name: str, service: str) -> list[Json]:
    return [
        {"biService": {"name": service, "serviceType": "Superset"}},
        {"user": {"name": f"{name}-user", "displayName": f"user of {name}"}},
        {"user": {"name": f"{name}-gone"}},
    ]


def _charts(count: int, description: str) -> list[Json]:
    return [{"name": f"k{number:03}", "description": f"{description} {number}"} for number in range(count)]


def _load(bot: Caller, name: str, service: str) -> None:
    owners = [{"type": "user", "name": f"{name}-user"}]
    dashboards: list[Json] = [
        {"name": each, "description": f"dashboard of {name}", "charts": [f"{service}.k000"], "owners": owners}
        for each in ("kept", "edited", "renamed", "deleted", "restored")
    ]
    for description in ("first", "changed"):
        charts = of(service, "chart", _charts(CHARTS, description))
        # Both write the same BI service at the same time, and this one alone.
        shared = of(
            "superset", "chart", [{**spec, "name": f"{name}-{spec['name']}"} for spec in _charts(9, description)]
        )
        shared += of("superset", "dashboard", [{"name": f"{name}-removed"}])
        chunks = [charts[at : at + 10] for at in range(0, CHARTS, 10)]
        loaded = bot.load(*chunks, shared, of(service, "dashboard", dashboards))
        assert "failed" not in loaded, loaded
    # A sweep deletes the last half.
    half = of(service, "chart", _charts(CHARTS // 2, "changed")), of(service, "dashboard", dashboards)
    options: Json = {"service": service, "sweep": {"maxDeletedPercent": 90}}
    loaded = bot.load(*half, options=options, finish={"totalItems": CHARTS // 2 + len(dashboards)})
    assert int(loaded["sweep"]["deleted"]) == CHARTS // 2, loaded


def _edit(steward: Caller, name: str, service: str) -> None:
    for number in range(EDITS):
        text = {"description": f"edit {number} of {name}"}
        for asset in (f"{service}.edited", "superset.d5"):
            steward.call("UpdateDashboard", fullyQualifiedName=asset, dashboard=text, updateMask="description")


def _delete(admin: Caller, steward: Caller, name: str, service: str) -> None:
    for dashboard in ("deleted", "restored"):
        steward.call("DeleteDashboard", fullyQualifiedName=f"{service}.{dashboard}")
    steward.call("RestoreDashboard", fullyQualifiedName=f"{service}.restored")
    admin.call("DeleteDashboard", fullyQualifiedName=f"superset.{name}-removed", hard=True)


def _read(admin: Caller, name: str, service: str) -> None:
    listed = admin.call("ListCharts", service=service, pageSize=100)["charts"]
    assert [each["description"] for each in listed] == [f"changed {number}" for number in range(CHARTS // 2)], listed
    edited = admin.call("GetDashboard", fullyQualifiedName=f"{service}.edited")["dashboard"]
    assert edited["description"] == f"edit {EDITS - 1} of {name}", edited
    first = admin.call("GetDashboard", fullyQualifiedName=f"{service}.edited", version=0.1)["dashboard"]
    assert first["description"] == f"dashboard of {name}", first
    owned = admin.call("ListDashboards", owner=f"user:{name}-user", pageSize=100)["dashboards"]
    assert {each["name"] for each in owned} >= {"kept", "edited", "restored"}, owned
    deleted = admin.call("GetDashboard", fullyQualifiedName=f"{service}.deleted", deleted="DELETED_INCLUDE")
    assert deleted["dashboard"]["deleted"], deleted
    user = admin.call("GetEntity", kind="KIND_USER", fullyQualifiedName=f"{name}-user")["entity"]["user"]
    assert user["displayName"] == f"user of {name}", user


if __name__ == "__main__":
    with grpc.insecure_channel(sys.argv[1]) as opened:
        callers = [Caller(opened, token) for token in sys.argv[2:5]]
        own, *others = sys.argv[5:]
        for other in others:
            check(callers[0], callers[2], other)
        if own != "-":
            visit(callers[0], callers[1], callers[2], own)
