"""Sends fuzzed requests of HTTP to a server, and collects the answers that are wrong."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, NamedTuple

from tests.fuzz.calls import CALL_SECONDS, Report
from tests.fuzz.checks import MAX_ANSWER_BYTES, exception_in
from tests.fuzz.http_requests import Sent, request_of
from tests.http import models

_SEEN = 200
_SHOWN_BYTES = 2_000
_OPEN = ("/docs", "/openapi.json", "/healthz", "/readyz")
# What no request alone may be answered with.
_NEVER = frozenset((429, 500, 502, 503, 504))


class Answer(NamedTuple):
    """An answer of HTTP; its headers by their lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpFuzz:
    """Sends requests to a server.

    Args:
        address: HOST:PORT of its HTTP door.
        tokens: Headers to call with, by the name of the caller; that of `admin` may do everything.
        seed: Decides the requests, together with what answers have had.
    """

    def __init__(self, address: str, tokens: Mapping[str, Any], seed: int) -> None:
        self.report = Report()
        self._host, _, self._port = address.rpartition(":")
        self._tokens = tokens
        self._seed = seed
        self._seen: list[str] = []
        self._routes: list[tuple[str, str]] = []

    async def run(self, first: int, count: int, at_once: int = 16) -> None:
        """Sends requests; each has a number, which decides it."""
        if not self._routes:
            described = await self._answer(Sent("GET", "/openapi.json", _GET_DESCRIPTION, "/openapi.json"))
            paths = json.loads(described.body)["paths"]
            self._routes = [(method.upper(), path) for path, methods in paths.items() for method in methods]
        numbers = iter(range(first, first + count))

        async def some() -> None:
            for number in numbers:
                await self._call(number)

        await asyncio.gather(*(some() for _ in range(at_once)))

    async def _call(self, number: int) -> None:
        rng = Random(f"{self._seed}/{number}")
        sent = request_of(rng, self._routes, self._tokens, self._seen)
        name = sent.route
        try:
            answer = await self._answer(sent)
        except (ValueError, OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            self._note(number, sent, f"no answer: {error!r}", name)
            return
        self.report.codes.setdefault(name, Counter())[str(answer.status)] += 1
        if problem := next(_problems(sent, answer), None):
            self._note(number, sent, problem, name)
        elif answer.status < 300 and rng.random() < 0.2:
            self._remember(answer)

    async def _answer(self, sent: Sent) -> Answer:
        async with asyncio.timeout(CALL_SECONDS):
            reader, writer = await asyncio.open_connection(self._host, int(self._port), limit=MAX_ANSWER_BYTES)
            try:
                writer.write(sent.content)
                has_body = not sent.content.startswith(b"HEAD ")
                answer = await _read(reader, has_body=has_body)
                while answer.status == 100:
                    answer = await _read(reader, has_body=has_body)
                return answer
            finally:
                writer.transport.abort()

    def _note(self, number: int, sent: Sent, problem: str, name: str) -> None:
        shown = sent.content[:_SHOWN_BYTES]
        self.report.failures.setdefault(
            f"{name}: {problem[:40]}", f"request {number} of seed {self._seed}: {problem}\n{shown!r}"
        )

    def _remember(self, answer: Answer) -> None:
        pending = [json.loads(answer.body)] if answer.body.startswith((b"{", b"[")) else []
        while pending:
            match pending.pop():
                case dict() as part:
                    self._seen += [
                        part[key] for key in ("id", "fullyQualifiedName", "after") if isinstance(part.get(key), str)
                    ]
                    pending += list(part.values())[:20]
                case list() as part:
                    pending += part[:3]
        self._seen += [value for name, value in answer.headers.items() if name == "etag"]
        del self._seen[:-_SEEN]


_GET_DESCRIPTION = b"GET /openapi.json HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"


async def _read(reader: asyncio.StreamReader, *, has_body: bool) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    length = headers.get("content-length", "0")
    status = int(head[0].split(" ")[1])
    if status == 100 or not has_body:
        return Answer(status, headers, b"")
    body = await reader.read() if "connection" in headers else await reader.readexactly(int(length))
    return Answer(status, headers, body)


def _problems(sent: Sent, answer: Answer) -> Iterator[str]:
    path = sent.target.partition("?")[0]
    kind = answer.headers.get("content-type", "")
    if answer.status in _NEVER:
        yield f"{answer.status}: {answer.body[:300]!r}"
    # A request whose head has been changed may have become another one.
    if sent.method == "HEAD" or answer.body == b"":
        if answer.status >= 400 and sent.content.startswith((b"GET ", b"PUT ", b"POST ", b"PATCH ", b"DELETE ")):
            yield f"{answer.status} without a body"
        return
    if answer.status >= 400 or path not in _OPEN:
        method = "PUT" if answer.status >= 400 else sent.method
        if problem := models.problem_of(method, path if answer.status < 400 else "/", answer.status, kind, answer.body):
            yield problem
    if answer.status >= 400:
        if found := exception_in(answer.body.decode()):
            yield f"text of an exception ({found}): {answer.body[:300]!r}"
        if "open sesame" in answer.body.decode():
            yield f"a password: {answer.body[:300]!r}"
    if int(answer.headers.get("content-length", "-1")) != len(answer.body):
        yield f"{len(answer.body)} bytes in place of {answer.headers.get('content-length')}"
