"""A server that a state machine calls step by step, from outside its event loop."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import httpx

from dashboard_catalog.server import CatalogServer
from tests.model.http_door import HttpDoor
from tests.patience import PATIENCE
from tests.service.caller import Json, Service
from tests.service.indexing import indexing
from tests.service.servers import running

T = TypeVar("T")

ENTITIES: list[Json] = [
    {"user": {"name": "ann"}},
    {"user": {"name": "bob"}},
    {"domain": {"name": "finance"}},
    {"domain": {"name": "tax", "parent": "finance"}},
    {"customProperty": {"name": "costCentre", "appliesTo": "dashboard", "propertyType": "string"}},
]
"""What all sequences share. None of them changes it."""


class Remote:
    """A running server and its callers.

    Args:
        loop: Of the server, which runs in another thread.
        policies: The folder of its policies.

    Attributes:
        edits: An administrator.
        ingests: A bot.
        views: A caller who may view what `permit` says.
        edits_by_http: The administrator at the other door.
        ingests_by_http: The bot at the other door.
        sequences: Numbers the sequences, so that each has names of its own.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        server: CatalogServer,
        service: Service,
        policies: Path,
        client: httpx.AsyncClient,
    ) -> None:
        self._loop = loop
        self._server = server
        self._policies = policies
        self.edits = service.caller("admin", "admin")
        self.ingests = service.caller("loader", "ingestion_bot")
        self.views = service.caller("vera", "viewer")
        self.edits_by_http = HttpDoor(client, service.token("admin", "admin"))
        self.ingests_by_http = HttpDoor(client, service.token("loader", "ingestion_bot"))
        self.sequences = count()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs a call on the loop of the server and returns its answer."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def permit(self, policy: str) -> None:
        """Puts another policy in force for `views`."""
        (self._policies / "viewer.cedar").write_text(policy)
        self._server._authorizer.reload_if_changed()


@contextmanager
def remote(database_url: str, folder: Path) -> Iterator[Remote]:
    """Runs a server in a thread of its own until the end of the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    policies = folder / "policies"
    policies.mkdir(parents=True)
    for file in files("dashboard_catalog.auth").joinpath("policies").iterdir():
        if file.name.endswith(".cedar"):
            (policies / file.name).write_text(file.read_text())
    stack = AsyncExitStack()
    try:
        yield run(_started(stack, loop, database_url, folder / "data", policies))
    finally:
        run(stack.aclose())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _started(
    stack: AsyncExitStack, loop: asyncio.AbstractEventLoop, database_url: str, data: Path, policies: Path
) -> Remote:
    running_server = running(database_url, data, policy_dir=policies, http_address="127.0.0.1:0")
    server, service = await stack.enter_async_context(running_server)
    await stack.enter_async_context(indexing(server.database, server.index.folder))
    assert server.http
    client = httpx.AsyncClient(base_url=f"http://{server.http.address}", timeout=PATIENCE)
    started = Remote(loop, server, service, policies, await stack.enter_async_context(client))
    added = await started.edits.bulk([{"entity": entity} for entity in ENTITIES])
    assert not added.failures
    return started
