"""Reads a stream of the server that can be resumed, and connects again when the connection breaks."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc

from dashboard_catalog_client.retries import Retries

Open = Callable[[str], Any]
"""Opens the stream after a resume token, which is empty at first."""


class Reconnecting:
    """A stream. Iterate over it to read it; it ends when the server ends it.

    Args:
        connected: The connection.
        open_stream: Opens the stream.
        give_up_seconds: How long to try again while nothing arrives.
        say: Called with a text when the connection is lost.
        resume_token: Where to begin.

    Attributes:
        resume_token: The token of the last message; of the one before while that is being processed.
    """

    def __init__(
        self, open_stream: Open, *, give_up_seconds: float, say: Callable[[str], None], resume_token: str = ""
    ) -> None:
        self._open = open_stream
        self._say = say
        self._retries = Retries(give_up_seconds, can_renew=False)
        self._has_begun = False
        self.resume_token = resume_token

    def __iter__(self) -> Iterator[Any]:
        while True:
            try:
                yield from self._messages()
            except grpc.RpcError as error:
                self._wait(error)
            else:
                return

    def _messages(self) -> Iterator[Any]:
        for message in self._open(self.resume_token):
            self._has_begun = True
            self._retries.reset()
            yield message
            # Only what has been processed must not come again.
            self.resume_token = message.resume_token or self.resume_token

    def _wait(self, error: Any) -> None:
        if not self._has_begun:
            # There never was a connection, so say so at once.
            raise error
        delay = self._retries.delay(error)
        if self._retries.is_first:
            self._say("connection lost, trying again")
        time.sleep(delay)
