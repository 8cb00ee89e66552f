import pytest
from structlog.testing import capture_logs
from sqlalchemy import text
from tests.service.streams import Stream
from tests.service.caller import Caller, Service

pytestmark = pytest.mark.usefixtures("superset")


async def test_max_failures_ends_without_another_message(bot: Caller) -> None:
    async with Stream(bot, timeout=5) as stream:
        await stream.send({}, {}, options={"maxFailures": 1})
        bulk = await stream.rest()
    assert bulk.refused.reason == "TOO_MANY_FAILURES"


async def test_mistake(bot: Caller, service: Service) -> None:
    async with service.database._writers.begin() as connection:
        await connection.execute(text("ALTER TABLE chart RENAME TO gone"))
    async with Stream(bot, timeout=5) as stream:
        with capture_logs():
            await stream.send({"chart": {"name": "x", "service": "superset"}})
            bulk = await stream.rest()
    assert bulk.refused.reason == "BUG"
