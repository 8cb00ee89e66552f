"""What a caller is answered, in a form that is the same for two catalogs that look the same to the caller.

Ids are numbered in the order in which they come up, and times, tags of versions and change numbers are left out. Tokens
are opaque for clients, but not secret: what they hold is part of the answer.
"""

import asyncio
import base64
import re
from collections.abc import Awaitable, Iterable, Mapping
from typing import Any

from dashboard_catalog.catalog.reading.feed import positions
from dashboard_catalog.catalog.reading.feed.positions import Place
from tests.service.caller import Caller, Json, Refused
from tests.service.watching import watching

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)")
_FLEETING = ("etag", "callId", "requestId", "lag")


class Transcript:
    """The answers to the calls of one caller.

    Args:
        known: Names for ids that the calls themselves hold.

    Attributes:
        answers: The answer to each call, by what is asked.
    """

    def __init__(self, known: Mapping[str, str]) -> None:
        self.answers: dict[str, str] = {}
        self._ids = {id_.replace("-", ""): name for name, id_ in known.items()}

    async def add(self, calls: Iterable[tuple[str, Awaitable[Any]]]) -> None:
        """Makes calls at once, each beside what is asked, and keeps their answers in order."""
        asked, started = zip(*calls, strict=True)
        answers = await asyncio.gather(*started, return_exceptions=True)
        for what, answer in zip(asked, answers, strict=True):
            assert what not in self.answers
            text = _TIME.sub("TIME", repr(self._comparable(_told(answer))))
            self.answers[what] = _ID.sub(lambda found: self._number(found[0]), text)

    def _number(self, id_: str) -> str:
        return self._ids.setdefault(id_.replace("-", ""), f"#{len(self._ids)}")

    def _comparable(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._comparable(one) for one in value]
        if not isinstance(value, dict):
            return value
        return {key: self._part(key, value[key]) for key in sorted(value) if key not in _FLEETING}

    def _part(self, key: str, part: Any) -> Any:
        if key in ("resumeToken", "watchToken"):
            _, places = positions.decode(part.rpartition(".")[2])
            return sorted(self._number(id_.hex) for id_ in places if id_.int)
        if key == "nextPageToken":
            return base64.urlsafe_b64decode(part).decode().split("\0")[1:]
        return self._comparable(part)


def _told(answer: Any) -> Any:
    """Returns an answer or what was told with a refusal."""
    if isinstance(answer, Refused):
        return {"refused": answer.code, "message": answer.message, **answer.details}
    if isinstance(answer, BaseException):
        raise answer
    return answer


async def watched(caller: Caller, **request: Any) -> Json:
    """Returns what a watcher gets until it has caught up. There is no order between sequences."""
    async with watching(caller, **request) as watcher:
        changes = await watcher.catch_up()
        return {"changes": sorted(changes, key=_order), "resumeToken": watcher.token}


async def watched_from_first(caller: Caller, **request: Any) -> Json:
    """Returns all changes ever, as a watcher gets them who was there from the first one."""
    token = (await watched(caller, **request))["resumeToken"]
    places = positions.decode(token)[1]
    return await watched(caller, resume_token=with_places(token, dict.fromkeys(places, Place())), **request)


def with_places(token: str, places: Mapping[Any, Place]) -> str:
    """Returns a resume token of the same stream with other places, as anyone can make it."""
    filters, _ = positions.decode(token)
    content = filters + b"".join(positions.entry(id_, place) for id_, place in places.items())
    return base64.urlsafe_b64encode(positions._FORMAT + positions.digest(content) + content).decode()


def _order(change: Json) -> tuple[Any, ...]:
    return change["kind"], change["fullyQualifiedName"], change.get("version", 0), change["type"], change["updatedAt"]
