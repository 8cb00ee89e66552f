"""OpenMetadata's routes of dashboards and charts, which are the same for both kinds.

A route turns what was sent into a request of the contract, and what the catalog returns into an answer. So requests of
both doors are checked and read by the same code.
"""

from fastapi import APIRouter

from dashboard_catalog.calls.answer_room import AnswerRoom
from dashboard_catalog.catalog.catalog import Catalog
from dashboard_catalog.contract.kinds import AssetMessages
from dashboard_catalog.http.application import CatalogRoute
from dashboard_catalog.http.assets.asset_answers import AssetAnswers
from dashboard_catalog.http.assets.asset_patches import AssetPatches
from dashboard_catalog.http.assets.asset_reads import AssetReads
from dashboard_catalog.http.assets.asset_writes import AssetWrites
from dashboard_catalog.http.dialect.references import References
from dashboard_catalog.http.dialect.service_names import ServiceNames


class AssetRoutes:
    """The routes of one kind of asset.

    Args:
        messages: The messages of the kind.
        catalog: What is behind the door.
        room: Where answers are built.
    """

    def __init__(self, messages: AssetMessages, catalog: Catalog, room: AnswerRoom) -> None:
        self._kind = messages.kind.name
        self._root = f"/api/v1/{self._kind}s"
        answers, services = AssetAnswers(self._kind, self._root, room), ServiceNames(catalog, room)
        self._reads = AssetReads(messages, catalog, answers, services)
        self._writes = AssetWrites(messages, catalog, answers, services)
        self._patches = AssetPatches(
            messages, reads=self._reads, writes=self._writes, answers=answers, references=References(catalog, room)
        )

    def router(self) -> APIRouter:
        """Returns them."""
        router = APIRouter(prefix=self._root, tags=[f"{self._kind}s"], route_class=CatalogRoute)
        reads, writes, patches, noun = self._reads, self._writes, self._patches, f"a {self._kind}"
        router.get("", summary=f"Lists {self._kind}s")(reads.list)
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
        router.get("/{id}/versions", summary=f"Returns the versions of {noun}")(reads.versions)
        router.get("/{id}/versions/{version}", summary=f"Returns a version of {noun}")(reads.version)
        return router
