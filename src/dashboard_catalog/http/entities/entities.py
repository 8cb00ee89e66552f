"""OpenMetadata's routes of entities, which are the same for all kinds."""

from fastapi import APIRouter

from dashboard_catalog.calls.answer_room import AnswerRoom
from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.catalog.model.kinds import label_of
from dashboard_catalog.http.application import CatalogRoute
from dashboard_catalog.http.dialect.references import References
from dashboard_catalog.http.entities.entity_answers import EntityAnswers
from dashboard_catalog.http.entities.entity_patches import EntityPatches
from dashboard_catalog.http.entities.entity_reads import EntityReads
from dashboard_catalog.http.entities.entity_resources import EntityResource
from dashboard_catalog.http.entities.entity_writes import EntityWrites


class EntityRoutes:
    """The routes of one kind of entity.

    Args:
        resource: Its resource.
        catalog: What is behind the door.
        room: Where answers are built.
    """

    def __init__(self, resource: EntityResource, catalog: Catalog, room: AnswerRoom) -> None:
        self._resource = resource
        answers = EntityAnswers(resource, room)
        self._reads = EntityReads(resource, catalog, answers)
        self._writes = EntityWrites(
            resource, catalog, reads=self._reads, answers=answers, references=References(catalog, room)
        )
        self._patches = EntityPatches(resource, reads=self._reads, writes=self._writes, answers=answers)

    def router(self) -> APIRouter:
        """Returns them."""
        label = label_of(self._resource.kind.name)
        router = APIRouter(prefix=self._resource.root, tags=[f"{label}s"], route_class=CatalogRoute)
        reads, writes, patches, noun = self._reads, self._writes, self._patches, f"a {label}"
        router.get("", summary=f"Lists {label}s")(reads.list)
        router.put("", summary=f"Creates or updates {noun}")(writes.put)
        router.post("", summary=f"Creates {noun}")(writes.post)
        router.put("/restore", summary=f"Restores {noun}")(writes.restore)
        router.get("/name/{fqn:path}", summary=f"Returns {noun} by fully qualified name")(reads.get_by_name)
        router.patch("/name/{fqn:path}", summary=f"Patches {noun} by fully qualified name")(patches.patch_by_name)
        router.delete("/name/{fqn:path}", summary=f"Deletes {noun} by fully qualified name")(writes.delete_by_name)
        router.delete("/async/{id}", summary=f"Deletes {noun} as a job")(writes.delete_async)
        router.get("/{id}", summary=f"Returns {noun}")(reads.get)
        router.patch("/{id}", summary=f"Patches {noun}")(patches.patch)
        router.delete("/{id}", summary=f"Deletes {noun}")(writes.delete)
        return router
