"""A session with Superset's API: logs in, and reads lists to their end."""

import itertools
import os
import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from dashboard_catalog.sources.problems import SourceError
from dashboard_catalog.sources.servers.live import AnswerError, LiveClient
from dashboard_catalog.sources.servers.secret_values import credential
from dashboard_catalog.sources.wishes import Wishes

USERNAME = "SUPERSET_USERNAME"
PASSWORD = "SUPERSET_PASSWORD"
PROVIDER = "SUPERSET_PROVIDER"

_PAGE_SIZE = 100
# Superset's tokens last 15 minutes unless it is configured otherwise.
_TOKEN_SECONDS = 300
_READINGS = 3

Answer = Mapping[str, Any]


class IncompleteList(AnswerError):
    """A list changed each time it was read, so something may be missing."""


class SupersetSession:
    """Requests to a server that the user logs in to.

    Args:
        client: The connection to the server.
        wishes: How to ask for credentials that are not in the environment.

    Raises:
        SourceError: If there are no credentials.
    """

    def __init__(self, client: LiveClient, wishes: Wishes) -> None:
        self._client = client
        self._login = {
            "username": credential(USERNAME, "a user name of Superset", wishes.prompt, hidden=False),
            "password": credential(PASSWORD, "the password of that user", wishes.prompt),
            "provider": os.environ.get(PROVIDER, "").strip() or "db",
            "refresh": False,
        }
        self._until = 0.0

    def get(self, address: str, query: str | None = None) -> Answer:
        """Returns the object at an address.

        Args:
            address: Relative to that of the API.
            query: Which part of it, in the form that Superset takes.

        Raises:
            AnswerError: If it is not answered with an object.
            SourceError: If Superset cannot be asked, or refuses the credentials.
        """
        if time.monotonic() >= self._until:
            self._log_in()
        answer = self._client.get(f"api/v1/{address}", None if query is None else {"q": query})
        if not isinstance(answer, dict):
            raise AnswerError(f"Superset does not answer {address} with an object")
        return answer

    def all_of(self, resource: str) -> Iterator[Answer]:
        """Yields all objects of a list, each once.

        Superset shows first what was changed last. So a change moves an object to where the list has been read
        already, and a deletion moves one from the next page there. Then the list is read again.

        Raises:
            AnswerError: If it is not answered with a list.
            IncompleteList: At the end, if something may be missing nevertheless.
        """
        seen = set[int]()
        counts: list[int] = []
        for _ in range(_READINGS):
            counts = []
            for found, count in self._pages(resource):
                counts.append(count)
                for one in found:
                    if one["id"] not in seen:
                        seen.add(one["id"])
                        yield one
            if counts[-1] == max(counts) <= len(seen):
                return
        text = f"has {counts[-1]:,} objects, of which {len(seen):,} were found: did others change it all the time?"
        raise IncompleteList(text)

    def _pages(self, resource: str) -> Iterator[tuple[list[Answer], int]]:
        """Yields the objects on each page, the last of which is empty, and how many there are in all."""
        for page in itertools.count():
            answer = self.get(f"{resource}/", f"(page:{page},page_size:{_PAGE_SIZE})")
            found, count = objects(answer.get("result")), answer.get("count")
            if not isinstance(count, int) or not all(isinstance(one.get("id"), int) for one in found):
                raise AnswerError(f"Superset does not answer {resource} with a count and a list of objects with ids")
            yield found, count
            # Something that always answers with the same page is not asked forever.
            if not found or page > count:
                return

    def _log_in(self) -> None:
        try:
            answer = self._client.post("api/v1/security/login", self._login)
        except AnswerError as error:
            if error.status != HTTPStatus.BAD_REQUEST:
                raise
            text = f"{error}: does it have logins of the kind {self._login['provider']!r} ({PROVIDER})?"
            raise AnswerError(text, error.status) from error
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(token, str):
            raise SourceError("Superset answers the login without a token")
        self._client.send_with({"Authorization": f"Bearer {token}"})
        self._until = time.monotonic() + _TOKEN_SECONDS


def objects(value: object) -> list[Answer]:
    """Returns the objects in a list; none if it is no list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
