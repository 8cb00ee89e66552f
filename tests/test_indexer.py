"""The process that indexes for a server: it starts and ends with it, whatever happens."""

import signal
from pathlib import Path

from dashboard_catalog.index.folders import IndexFolder
from dashboard_catalog.index.searching import SearchIndex
from dashboard_catalog.settings import Settings
from tests.patience import until
from tests.server_process import process


async def test_the_indexer_ends_with_a_server_that_is_killed(tmp_path: Path) -> None:
    given = {"address": "127.0.0.1:0", "data_dir": tmp_path / "data"}
    index = SearchIndex(IndexFolder(Settings.load(given).search_index_dir))
    async with process(**given) as server:
        await server.line("search_index_built")
        assert (index.building, index.lag()) == (False, 0.0)
        server.process.send_signal(signal.SIGKILL)
        # The indexer holds the other end of the log, so this waits for it, too.
        assert await server.ended() == -signal.SIGKILL
    with index.folder.claimed():
        pass
    await until(lambda: (index.lag() or 0.0) > 0.0)
    index.close()
