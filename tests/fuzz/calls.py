"""Calls a server with fuzzed requests, and collects the answers that are wrong."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

import grpc.aio
from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message

from dashboardcatalog.v1.bulk_pb2 import BulkUpsertRequest
from tests.fuzz.checks import Answer, answer_of, problem_of
from tests.fuzz.requests import CATALOG, Rpc, all_rpcs, request_of
from tests.fuzz.shrinking import smallest

# A call that takes longer has been forgotten by the server.
CALL_SECONDS = 60
# The calls in between may have deleted anything.
_RESTORED_EVERY = 1_000
_SEEN = 200
_SHOWN_BYTES = 4_000


@dataclass
class Report:
    """What fuzzing has found.

    Attributes:
        codes: How many calls of each RPC ended with each code.
        failures: Descriptions of what is wrong, by problem: one request each.
    """

    codes: dict[str, Counter[str]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def calls(self) -> int:
        """The number of calls."""
        return sum(codes.total() for codes in self.codes.values())


class Fuzz:
    """Calls a server.

    Args:
        address: Where it listens.
        tokens: Metadata to call with, by the name of the caller; that of `admin` may do everything.
        seed: Decides the requests, together with what responses have had.
    """

    def __init__(self, address: str, tokens: Mapping[str, Any], seed: int) -> None:
        self.report = Report()
        self._address = address
        self._tokens = tokens
        self._seed = seed
        self._rpcs = all_rpcs()
        self._seen: list[str] = []

    async def run(self, first: int, count: int, at_once: int = 16) -> None:
        """Makes calls; each has a number, which decides its request."""
        numbers = iter(range(first, first + count))

        async def some(channel: grpc.aio.Channel) -> None:
            for number in numbers:
                if (number - first) % _RESTORED_EVERY == 0:
                    await self._restore(channel)
                await self._call(channel, number)

        options = [("grpc.max_receive_message_length", -1), ("grpc.enable_http_proxy", 0), ("grpc.enable_retries", 0)]
        async with grpc.aio.insecure_channel(self._address, options) as channel:
            await asyncio.gather(*(some(channel) for _ in range(at_once)))

    async def _call(self, channel: grpc.aio.Channel, number: int) -> None:
        rng = Random(f"{self._seed}/{number}")
        rpc = rng.choice(self._rpcs)
        caller = "admin" if rng.random() < 0.6 else rng.choice(list(self._tokens))
        bodies = [request_of(rpc, rng, self._seen) for _ in range(rng.choice((1, 2, 3, 6)) if rpc.streams else 1)]
        answer = await self._answer(channel, rpc, caller, bodies)
        self.report.codes.setdefault(rpc.name, Counter())[answer.code] += 1
        if problem := problem_of(answer):
            await self._note(channel, problem, (number, rpc, caller, bodies))
        elif rng.random() < 0.05:
            self._remember(answer.responses)

    async def _answer(self, channel: grpc.aio.Channel, rpc: Rpc, caller: str, bodies: Sequence[bytes]) -> Answer:
        responses: list[Message] = []
        metadata = self._tokens[caller]
        try:
            if rpc.streams:
                call: Any = channel.stream_stream(rpc.path, response_deserializer=rpc.response.FromString)
                stream = call(metadata=metadata, timeout=CALL_SECONDS)
                writing = asyncio.create_task(_write(stream, bodies))
                while (response := await stream.read()) is not grpc.aio.EOF:
                    responses.append(response)
                await writing
            elif rpc.answers_stream:
                call = channel.unary_stream(rpc.path, response_deserializer=rpc.response.FromString)
                stream = call(bodies[0], metadata=metadata, timeout=CALL_SECONDS)
                # A watch that has caught up waits for what changes next.
                while not _is_caught_up(responses) and (response := await stream.read()) is not grpc.aio.EOF:
                    responses.append(response)
                stream.cancel()
            else:
                call = channel.unary_unary(rpc.path, response_deserializer=rpc.response.FromString)
                responses.append(await call(bodies[0], metadata=metadata, timeout=CALL_SECONDS))
        except grpc.aio.AioRpcError as error:
            return answer_of(error, responses)
        return Answer("OK", responses=tuple(responses))

    async def _note(self, channel: grpc.aio.Channel, problem: str, at: tuple[int, Rpc, str, Sequence[bytes]]) -> None:
        number, rpc, caller, bodies = at
        # Ids of calls, and texts of requests, differ.
        kind = f"{rpc.name}: {problem[:40]}"
        if kind in self.report.failures:
            return
        self.report.failures[kind] = "being made smaller"
        shown = [await self._shown(channel, rpc, caller, bodies, place) for place in range(len(bodies))]
        self.report.failures[kind] = f"call {number} of seed {self._seed}, as {caller}: {problem}\n" + "\n".join(shown)

    async def _shown(
        self, channel: grpc.aio.Channel, rpc: Rpc, caller: str, bodies: Sequence[bytes], place: int
    ) -> str:
        """Returns the smallest request that can take a place among the others, as JSON; or as hexadecimal digits."""

        async def fails(smaller: Message) -> bool:
            changed = [*bodies[:place], smaller.SerializeToString(), *bodies[place + 1 :]]
            return problem_of(await self._answer(channel, rpc, caller, changed)) is not None

        message = rpc.request()
        try:
            message.ParseFromString(bodies[place])
            if await fails(message):
                message = await smallest(message, fails)
            return json_format.MessageToJson(message, indent=None)[:_SHOWN_BYTES]
        except (DecodeError, json_format.Error, ValueError):
            return f"bytes {bodies[place].hex()[:_SHOWN_BYTES]}"

    async def _restore(self, channel: grpc.aio.Channel) -> None:
        """Adds again what valid requests refer to."""
        request = json_format.ParseDict({"items": CATALOG}, BulkUpsertRequest())
        rpc = next(rpc for rpc in self._rpcs if rpc.streams)
        answer = await self._answer(channel, rpc, "admin", [request.SerializeToString()])
        refused = any(result.status.code for response in answer.responses for result in response.progress.results)
        if not self.report.codes and (answer.code != "OK" or refused):
            raise RuntimeError(f"what the requests refer to could not be added: {answer}")

    def _remember(self, responses: Sequence[Message]) -> None:
        for response in responses[:3]:
            for text in _texts(response):
                self._seen.append(text)
        del self._seen[:-_SEEN]


def _is_caught_up(responses: Sequence[Message]) -> bool:
    return bool(responses) and getattr(responses[-1], "caught_up", False)


async def _write(stream: Any, bodies: Sequence[bytes]) -> None:
    # The server may end the stream before it has read everything.
    with suppress(asyncio.InvalidStateError, grpc.aio.AioRpcError):
        for body in bodies:
            await stream.write(body)
        await stream.done_writing()


def _texts(message: Any) -> list[str]:
    """Returns the ids, names, etags and page tokens in a message."""
    wanted = ("id", "etag", "nextPageToken", "sessionId", "fullyQualifiedName", "resumeToken", "watchToken")
    found: list[str] = []
    pending = [json_format.MessageToDict(message)]
    while pending and len(found) < 20:
        for name, value in pending.pop().items():
            if name in wanted and isinstance(value, str):
                found.append(value)
            pending += [part for part in (value if isinstance(value, list) else [value]) if isinstance(part, dict)]
    return found
