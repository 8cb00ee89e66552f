"""The JSON of lists, which is made piece by piece."""

import asyncio
import json

import pytest

from dashboard_catalog.http.dialect.answers import TURN_BYTES, JsonAnswer, list_answer


@pytest.mark.parametrize("count", [0, 1, 5])
async def test_a_list_is_the_json_of_the_whole_and_other_calls_have_turns(count: int) -> None:
    items = [{"name": f"ü{place}", "text": "x" * (TURN_BYTES // 2)} for place in range(count)]
    turns: list[int] = []

    async def others() -> None:
        while True:
            turns.append(len(turns))
            await asyncio.sleep(0)

    other = asyncio.create_task(others())
    answer = await list_answer("data", iter(items), {"paging": {"total": count}})
    other.cancel()
    assert answer.body == JsonAnswer({"data": items, "paging": {"total": count}}).body
    assert answer.ByteSize() == len(answer.body) == int(answer.headers["content-length"])
    assert json.loads(bytes(answer.body))["data"] == items
    # After every second item.
    assert len(turns) == count // 2
