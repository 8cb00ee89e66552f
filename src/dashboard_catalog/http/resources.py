"""OpenMetadata's routes of dashboards, charts and entities. All kinds have the same, and assets have versions as well.

A route turns what was sent into a request of the contract, and what the catalog returns into an answer. So requests of
both doors are checked and read by the same code.
"""

from fastapi import APIRouter

from dashboard_catalog.calls.answer_room import AnswerRoom
from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.catalog.model.kinds import label_of
from dashboard_catalog.contract.kinds import AssetMessages
from dashboard_catalog.http.application import CatalogRoute, ListRoute
from dashboard_catalog.http.assets.asset_answers import AssetAnswers
from dashboard_catalog.http.assets.asset_patches import AssetPatches
from dashboard_catalog.http.assets.asset_reads import AssetReads
from dashboard_catalog.http.assets.asset_writes import AssetWrites
from dashboard_catalog.http.dialect.references import References
from dashboard_catalog.http.dialect.service_names import ServiceNames
from dashboard_catalog.http.entities.entity_answers import EntityAnswers
from dashboard_catalog.http.entities.entity_patches import EntityPatches
from dashboard_catalog.http.entities.entity_reads import EntityReads
from dashboard_catalog.http.entities.entity_resources import EntityResource
from dashboard_catalog.http.entities.entity_writes import EntityWrites


def asset_router(messages: AssetMessages, catalog: Catalog, room: AnswerRoom) -> APIRouter:
    """Returns the routes of a kind of asset.

    Args:
        messages: The messages of the kind.
        catalog: What is behind the door.
        room: Where answers are built.
    """
    kind = messages.kind.name
    root = f"/api/v1/{kind}s"
    answers, services = AssetAnswers(kind, root, room), ServiceNames(catalog, room)
    reads = AssetReads(messages, catalog, answers, services)
    writes = AssetWrites(messages, catalog, answers, services)
    patches = AssetPatches(messages, reads=reads, writes=writes, answers=answers, references=References(catalog, room))
    router = _router(root, kind)
    _add(router, kind, reads, writes, patches)
    versions = f"Returns the versions of a {kind}"
    router.add_api_route("/{id}/versions", reads.versions, summary=versions, route_class_override=ListRoute)
    router.get("/{id}/versions/{version}", summary=f"Returns a version of a {kind}")(reads.version)
    return router


def entity_router(resource: EntityResource, catalog: Catalog, room: AnswerRoom) -> APIRouter:
    """Returns the routes of a kind of entity.

    Args:
        resource: Its resource.
        catalog: What is behind the door.
        room: Where answers are built.
    """
    answers = EntityAnswers(resource, room)
    reads = EntityReads(resource, catalog, answers)
    writes = EntityWrites(resource, catalog, reads=reads, answers=answers, references=References(catalog, room))
    patches = EntityPatches(resource, reads=reads, writes=writes, answers=answers)
    label = label_of(resource.kind.name)
    router = _router(resource.root, label)
    if resource.is_caller:
        # Comes before all ids.
        router.get("/loggedInUser", summary=f"Returns the {label} that calls")(reads.get_caller)
    _add(router, label, reads, writes, patches)
    return router


def _router(root: str, label: str) -> APIRouter:
    return APIRouter(prefix=root, tags=[f"{label}s"], route_class=CatalogRoute)


def _add(
    router: APIRouter,
    label: str,
    reads: AssetReads | EntityReads,
    writes: AssetWrites | EntityWrites,
    patches: AssetPatches | EntityPatches,
) -> None:
    """Adds the routes that all resources have."""
    router.add_api_route("", reads.list, summary=f"Lists {label}s", route_class_override=ListRoute)
    router.put("", summary=f"Creates or updates a {label}")(writes.put)
    router.post("", summary=f"Creates a {label}")(writes.post)
    router.put("/restore", summary=f"Restores a {label}")(writes.restore)
    router.get("/name/{fqn:path}", summary=f"Returns a {label} by fully qualified name")(reads.get_by_name)
    router.patch("/name/{fqn:path}", summary=f"Patches a {label} by fully qualified name")(patches.patch_by_name)
    router.delete("/name/{fqn:path}", summary=f"Deletes a {label} by fully qualified name")(writes.delete_by_name)
    router.delete("/async/{id}", summary=f"Deletes a {label} as a job")(writes.delete_async)
    router.get("/{id}", summary=f"Returns a {label}")(reads.get)
    router.patch("/{id}", summary=f"Patches a {label}")(patches.patch)
    router.delete("/{id}", summary=f"Deletes a {label}")(writes.delete)
