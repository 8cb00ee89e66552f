"""Asks a tool over HTTP: retries, stays at its origin, reads only so much, and says in one line what to do."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard_catalog.catalog.model.addresses import without_user
from dashboard_catalog.sources.problems import SourceError
from dashboard_catalog.sources.servers import live
from dashboard_catalog.sources.servers.live import AnswerError, LiveClient
from dashboard_catalog.sources.servers.retries import ATTEMPTS, retry_after
from dashboard_catalog.sources.servers.secret_values import credential
from dashboard_catalog.sources.urls import without_query
from tests.certificates import write_certificate
from tests.sources.servers.fake_tool import Answer, FakeTool, running_tool


@pytest.fixture
def tool() -> Iterator[FakeTool]:
    with running_tool() as tool:
        yield tool


@pytest.fixture
def client(tool: FakeTool, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveClient]:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")  # not for a tool on the same machine
    with LiveClient("Tool", f"{tool.url}/base/?orgId=1#top", "TOOL_TOKEN", sleep=tool.sleep) as client:
        client.send_with({"Authorization": "Bearer letmein"})
        yield client


def test_asks_below_the_address_with_the_headers(tool: FakeTool, client: LiveClient) -> None:
    tool.answer_with(Answer({"x": [1]}))
    assert client.get("api/search", {"page": 2}) == {"x": [1]}
    assert client.post("login", {"a": "b"}) == {"x": [1]}
    get, post = tool.requests
    assert (get.method, get.path, get.query) == ("GET", "/base/api/search", {"page": "2"})
    assert get.headers["authorization"] == "Bearer letmein"
    assert (post.method, post.path, post.content) == ("POST", "/base/login", {"a": "b"})
    assert client.url == f"{tool.url}/base"


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_tries_again(tool: FakeTool, client: LiveClient, status: int) -> None:
    tool.answer_with(Answer(status=status), Answer(status=503, headers={"Retry-After": "7"}), Answer([]))
    assert client.get("x") == []
    assert tool.waits[0] <= 10
    assert tool.waits[1:] == [7]


def test_gives_a_request_up_after_some_attempts_and_the_tool_after_some_requests(
    tool: FakeTool, client: LiveClient
) -> None:
    tool.answer_with(Answer(status=500))
    for _ in range(live.FAILURES_IN_A_ROW - 1):
        with pytest.raises(AnswerError, match=r"/base/x fails with status 500$") as failed:
            client.get("x", {"secret": "y"})
        assert failed.value.status == 500
    assert len(tool.requests) == (live.FAILURES_IN_A_ROW - 1) * ATTEMPTS
    with pytest.raises(SourceError, match="5 requests in a row have failed") as ended:
        client.get("x")
    assert not isinstance(ended.value, AnswerError)


def test_does_not_wait_for_long(tool: FakeTool, client: LiveClient) -> None:
    tool.answer_with(Answer(status=429, headers={"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT"}))
    with pytest.raises(SourceError, match="status 429; Tool asks to come back in"):
        client.get("x")
    assert tool.waits == []
    assert retry_after("Mon, 01 Jan 99999999999999999999 00:00:00 GMT") is None


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (Answer(status=401), "does not accept the credentials: check TOOL_TOKEN$"),
        (Answer(status=403), r"/base/x may not be read with the credentials in TOOL_TOKEN \(status 403\)$"),
        (Answer(status=404), r"/base/x does not exist at Tool \(status 404\): is \S+ the address of Tool\?$"),
        (Answer(status=400), r"/base/x is refused \(status 400\)$"),
        (Answer(b"<html>"), "is not answered with JSON, but HTML: is this the address of Tool"),
        (Answer(b"{"), "is not answered with JSON: .* at line 1, column 2"),
        (Answer(b"{}{}"), "is not answered with one JSON value"),
        (Answer(b"x", headers={"Content-Encoding": "gzip"}), "is answered compressed"),
        (Answer(status=302, headers={"Location": "http://h:x"}), "cannot be asked: it does not speak HTTP$"),
        (Answer(status=302, headers={"Location": "javascript:x"}), "Tool gives a link that is not an address$"),
        (Answer(status=302, headers={"Location": "/base/x"}), "redirects more than 5 times"),
        (
            Answer(status=301, headers={"Location": "https://me:pw@elsewhere.example/x?token=1"}),
            "leads to another server, https://elsewhere.example: give that with --url if you trust it$",
        ),
    ],
)
def test_says_what_is_wrong(tool: FakeTool, client: LiveClient, answer: Answer, text: str) -> None:
    tool.answer_with(answer)
    with pytest.raises(SourceError, match=text) as failed:
        client.get("x", {"password": "hidden"})
    assert not any(secret in str(failed.value) for secret in ("hidden", "letmein", "pw", "\n"))


def test_follows_redirects_and_links_within_the_origin_only(tool: FakeTool, client: LiveClient) -> None:
    tool.answer_with(Answer(status=308, headers={"Location": "../there?a=1"}), Answer("found"), Answer("next"))
    assert client.get("x/y") == "found"
    assert client.get(f"{tool.url.replace('//', '//me:pw@')}/next?page=2") == "next"
    assert tool.requests[-1].headers["authorization"] == "Bearer letmein"
    assert tool.paths() == ["/base/x/y", "/base/there", "/next"]
    with running_tool() as other, pytest.raises(SourceError, match=f"another server, {other.url}: give"):
        client.get(f"{other.url}/next")
    assert other.requests == []
    with pytest.raises(SourceError, match="another server"):
        client.get(f"//elsewhere.example:{tool.url.rsplit(':')[-1]}/next")


def test_reads_only_so_much(tool: FakeTool, client: LiveClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MAX_ANSWER_BYTES", 1000)
    tool.answer_with(Answer("x" * 998), Answer("x" * 999))
    assert client.get("x") == "x" * 998
    with pytest.raises(AnswerError, match=r"is answered with more than 1,000 bytes$"):
        client.get("x")


def test_a_tool_that_is_not_there_is_an_error_at_once_and_later_only_after_attempts(tool: FakeTool) -> None:
    with running_tool() as gone:
        client = LiveClient("Tool", gone.url, "TOOL_TOKEN", sleep=tool.sleep)
    with client, pytest.raises(SourceError, match=r"cannot be asked: .*refused"):
        client.get("x")
    assert tool.waits == []
    with running_tool() as going:
        going.answer_with(Answer(1, headers={"Connection": "close"}))
        client = LiveClient("Tool", going.url, "TOOL_TOKEN", sleep=tool.sleep)
        client.get("x")
    with client, pytest.raises(SourceError, match=r"cannot be asked: .*refused"):
        client.get("x")
    assert len(tool.waits) == ATTEMPTS - 1


def test_certificates_are_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_certificate(tmp_path, "tool")
    with running_tool(tmp_path) as tool:
        tool.answer_with(Answer("trusted"))
        with LiveClient("Tool", tool.url, "TOOL_TOKEN") as client, pytest.raises(SourceError) as refused:
            client.get("x")
        assert "certificate verify failed" in str(refused.value)
        assert str(refused.value).endswith("; SSL_CERT_FILE names the certificates to trust")
        assert tool.requests == []
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        with LiveClient("Tool", tool.url, "TOOL_TOKEN") as client:
            assert client.get("x") == "trusted"


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("grafana.example.com", "must be an address such as"),
        ("ftp://grafana.example.com", "must be an address such as"),
        ("https://", "must be an address such as"),
        ("https://h:x", "is not an address"),
        ("https://me:hidden@grafana.example.com", "must not contain a user name or a password: set TOOL_TOKEN instead"),
    ],
)
def test_refuses_other_addresses(url: str, text: str) -> None:
    with pytest.raises(SourceError, match=text) as refused:
        LiveClient("Tool", url, "TOOL_TOKEN")
    assert "hidden" not in str(refused.value)


def test_credentials_come_from_the_environment_or_a_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def prompt(question: str, *, hidden: bool) -> str:
        asked.append((question, hidden))
        return " typed \n"

    monkeypatch.setenv("TOOL_TOKEN", "set")
    assert credential("TOOL_TOKEN", "a token of Tool", prompt) == "set"
    monkeypatch.setenv("TOOL_TOKEN", "a\x01b")
    with pytest.raises(SourceError, match="TOOL_TOKEN is not a token of Tool: it has control characters"):
        credential("TOOL_TOKEN", "a token of Tool", None)
    monkeypatch.delenv("TOOL_TOKEN")
    assert credential("TOOL_TOKEN", "a token of Tool", prompt, hidden=False) == "typed"
    assert asked == [("TOOL_TOKEN (a token of Tool)", False)]
    with pytest.raises(SourceError, match=r"^set the environment variable TOOL_TOKEN to a token of Tool$"):
        credential("TOOL_TOKEN", "a token of Tool", None)
    with LiveClient("Tool", "http://127.0.0.1:1", "TOOL_TOKEN") as client, pytest.raises(SourceError) as refused:
        client.send_with({"Authorization": "Bearer hïdden"})
    assert str(refused.value) == "TOOL_TOKEN has characters that cannot be sent to Tool"


@pytest.mark.parametrize(
    ("url", "without"),
    [
        ("https://h/p?q#f", "https://h/p?q#f"),
        ("https://me:p@ss@h/p?q=a@b", "https://h/p?q=a@b"),
        ("HTTP://me@h", "HTTP://h"),
        ("//me:pw@h/x", "//h/x"),
        ("https:///me:pw@h/x", "https:///h/x"),
        ("https:\\\\me:pw@h/x", "https:\\\\h/x"),
        ("/d/a@b", "/d/a@b"),
    ],
)
def test_addresses_lose_user_and_password(url: str, without: str) -> None:
    assert without_user(url) == without
    assert without_query(url) == without.partition("?")[0]
