"""Asks a BI tool over HTTP, for JSON.

The tool is trusted no more than a file: every request goes to the origin that the user gave, certificates are verified,
and answers are counted while they are read. Errors are one line, and never show a query, a header or a body.
"""

import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Self

import httpx

from dashboard_catalog.sources.files.json_values import JsonError, values_of
from dashboard_catalog.sources.problems import SourceError
from dashboard_catalog.sources.servers.retries import MAX_RETRY_SECONDS, Unanswered, retry_after, retrying
from dashboard_catalog.sources.urls import without_query

MAX_ANSWER_BYTES = 64 * 2**20
MAX_ANSWER_SECONDS = 300.0
FAILURES_IN_A_ROW = 5
"""A tool that fails this often, with all attempts, is not there any more."""

_SILENCE_SECONDS = 30.0
_REDIRECTS = 5
# A proxy of the environment cannot reach what is on this machine.
_WITHOUT_PROXY = ("all://localhost", "all://127.0.0.1", "all://[::1]")
_RETRIED = frozenset((429, 500, 502, 503, 504))

Parameters = Mapping[str, str | int]


class AnswerError(SourceError):
    """The tool answers, but not with what was asked for. It may answer the next request.

    Attributes:
        status: HTTP status; 200 if the content is the problem.
    """

    def __init__(self, text: str, status: int = 200) -> None:
        super().__init__(text)
        self.status = status


class LiveClient:
    """The connection to a BI tool. Use it in a `with` block.

    Sends a request again after 429, 500, 502, 503, 504 and after a broken connection, and waits as the tool asks it to.
    Follows redirects and links within the origin only.

    Args:
        tool: Name of the tool, for messages.
        url: Address of the tool, as the user gave it.
        variables: The environment variables with the credentials, for messages: "GRAFANA_TOKEN".
        sleep: Waits between attempts.

    Attributes:
        url: Address of the tool, without query and trailing slash.

    Raises:
        SourceError: If the address cannot be used.
    """

    def __init__(self, tool: str, url: str, variables: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._tool = tool
        self._variables = variables
        self._base = _base(url, variables)
        self.url = str(self._base).rstrip("/")
        self._client = httpx.Client(
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            timeout=_SILENCE_SECONDS,
            follow_redirects=False,
            mounts=dict.fromkeys(_WITHOUT_PROXY),
        )
        self._retrying = retrying(sleep)
        self._has_answered = False
        self._has_succeeded = False
        self._failures = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def send_with(self, headers: Mapping[str, str]) -> None:
        """Sends these headers with every further request, such as the token.

        Raises:
            SourceError: If a value cannot be sent.
        """
        if not all(value.isascii() and value.isprintable() for value in headers.values()):
            raise SourceError(f"{self._variables} has characters that cannot be sent to {self._tool}")
        self._client.headers.update(headers)

    def get(self, address: str, parameters: Parameters | None = None) -> object:
        """Returns the JSON at an address.

        Args:
            address: Relative to that of the tool, such as `api/search`; or a link that the tool gave.
            parameters: The query.

        Raises:
            AnswerError: If the tool answers this request with an error, or with something else than JSON.
            SourceError: If it cannot be asked at all, or refuses the credentials.
        """
        return self._answer("GET", address, parameters, None)

    def post(self, address: str, content: object) -> object:
        """Sends JSON, and returns the JSON of the answer. May send it several times. Raises as `get` does."""
        return self._answer("POST", address, None, content)

    def _within(self, url: httpx.URL) -> httpx.URL:
        if _origin(url) != _origin(self._base):
            other = f"{url.scheme}://{url.netloc.decode()}"
            raise SourceError(f"{self.url} leads to another server, {other}: give that with --url if you trust it")
        return url.copy_with(username=None, password=None)

    def _answer(self, method: str, address: str, parameters: Parameters | None, content: object) -> object:
        try:
            url = self._within(self._base.join(address))
            if parameters is not None:
                url = url.copy_merge_params(parameters)
            answer = self._retrying(self._attempt, method, url, content)
        except httpx.InvalidURL as error:
            raise AnswerError(f"{self._tool} gives a link that is not an address") from error
        except Unanswered as error:
            self._failures += 1
            if self._failures >= FAILURES_IN_A_ROW:
                raise SourceError(f"{error.final}; {self._failures} requests in a row have failed") from error
            raise error.final from error
        self._failures = 0
        self._has_succeeded = True
        return answer

    def _attempt(self, method: str, url: httpx.URL, content: object) -> object:
        try:
            for _ in range(_REDIRECTS + 1):
                with self._client.stream(method, url, json=content) as response:
                    self._has_answered = True
                    if not response.has_redirect_location or method != "GET":
                        return self._read(response)
                    url = self._within(url.join(response.headers["Location"]))
        except httpx.TransportError as error:
            final = SourceError(f"{self.url} cannot be asked: {_reason(error)}")
            # What never answered is a wrong address, or a server that does not run: say so at once.
            if self._has_answered and not _is_about_certificates(error):
                raise Unanswered(final) from error
            raise final from error
        raise AnswerError(f"{_shown(url)} redirects more than {_REDIRECTS} times")

    def _read(self, response: httpx.Response) -> object:
        if response.status_code != httpx.codes.OK:
            raise self._refusal(response)
        shown = _shown(response.url)
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise AnswerError(f"{shown} is answered compressed, although that was not asked for")
        content = b"".join(_counted(response.iter_raw(), shown))
        try:
            [value] = values_of(content)
        except JsonError as error:
            hint = f", but HTML: is this the address of {self._tool}?" if content.lstrip().startswith(b"<") else ""
            raise AnswerError(f"{shown} is not answered with JSON{hint or f': {error}'}") from error
        except ValueError as error:
            raise AnswerError(f"{shown} is not answered with one JSON value") from error
        return value

    def _refusal(self, response: httpx.Response) -> Exception:
        status, shown = response.status_code, _shown(response.url)
        if status in _RETRIED:
            wait = retry_after(response.headers.get("Retry-After", ""))
            final = AnswerError(f"{shown} fails with status {status}", status)
            if wait is None or wait <= MAX_RETRY_SECONDS:
                return Unanswered(final, wait)
            return SourceError(f"{shown} fails with status {status}; {self._tool} asks to come back in {wait:,.0f} s")
        if status == httpx.codes.UNAUTHORIZED:
            return SourceError(f"{self._tool} at {self.url} does not accept the credentials: check {self._variables}")
        texts = {
            403: f"may not be read with the credentials in {self._variables}",
            404: f"does not exist at {self._tool}",
        }
        hint = f": is {self.url} the address of {self._tool}?" if status == 404 and not self._has_succeeded else ""
        return AnswerError(f"{shown} {texts.get(status, 'is refused')} (status {status}){hint}", status)


def _base(url: str, variables: str) -> httpx.URL:
    """Returns the address of the tool, with a slash at the end, so that others can be relative to it."""
    try:
        base = httpx.URL(url.strip())
    except httpx.InvalidURL:
        raise SourceError("--url is not an address") from None
    if base.scheme not in {"http", "https"} or not base.host:
        raise SourceError("--url must be an address such as https://tool.example.com")
    if base.userinfo:
        raise SourceError(f"--url must not contain a user name or a password: set {variables} instead")
    return base.copy_with(path=base.path.rstrip("/") + "/", query=None, fragment=None)


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme, 0)


def _shown(url: httpx.URL) -> str:
    return without_query(str(url))


def _counted(chunks: Iterator[bytes], shown: str) -> Iterator[bytes]:
    """Yields the chunks of an answer.

    Raises:
        AnswerError: As soon as there are too many bytes, or they take too long.
    """
    size, end = 0, time.monotonic() + MAX_ANSWER_SECONDS
    for chunk in chunks:
        size += len(chunk)
        if size > MAX_ANSWER_BYTES:
            raise AnswerError(f"{shown} is answered with more than {MAX_ANSWER_BYTES:,} bytes")
        if time.monotonic() > end:
            raise AnswerError(f"{shown} is not answered within {MAX_ANSWER_SECONDS:.0f} s")
        yield chunk


def _reason(error: httpx.TransportError) -> str:
    """Returns why there is no answer. Other errors than these may quote a header."""
    if _is_about_certificates(error):
        return f"{error}; SSL_CERT_FILE names the certificates to trust"
    if isinstance(error, httpx.TimeoutException):
        return f"no answer within {_SILENCE_SECONDS:.0f} s"
    if isinstance(error, httpx.ConnectError):
        return str(error)
    return "the connection broke" if isinstance(error, httpx.NetworkError) else "it does not speak HTTP"


def _is_about_certificates(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
