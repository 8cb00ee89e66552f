"""A BI tool for the tests of live readers: a real HTTP server whose answers the test gives."""

import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    content: Any = None


@dataclass(frozen=True)
class Answer:
    """An answer; `content` is sent as JSON unless it is bytes."""

    content: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class FakeTool:
    """Answers with `answer`, which a test sets, and remembers the requests and the waits between them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answer: Callable[[Request], Answer]
        self.requests: list[Request] = []
        self.waits: list[float] = []

    def answer_with(self, *answers: Answer) -> None:
        """Answers with these in turn, and then always with the last one."""
        left = list(answers)
        self.answer = lambda _: left.pop(0) if len(left) > 1 else left[0]

    def paths(self) -> list[str]:
        return [request.path for request in self.requests]

    def sleep(self, seconds: float) -> None:
        """Stands for `time.sleep`."""
        self.waits.append(seconds)


@contextmanager
def running_tool(certificate: Path | None = None) -> Iterator[FakeTool]:
    """Yields a tool that runs, with TLS if there is a folder with a certificate."""

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            content = json.loads(self.rfile.read(size)) if size else None
            parts = urlsplit(self.path)
            headers = {key.lower(): value for key, value in self.headers.items()}
            request = Request(self.command, parts.path, dict(parse_qsl(parts.query)), headers, content)
            tool.requests.append(request)
            answer = tool.answer(request)
            body = answer.content if isinstance(answer.content, bytes) else json.dumps(answer.content).encode()
            self.send_response(answer.status)
            for name, value in ({"Content-Length": str(len(body))} | dict(answer.headers)).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = handle_any  # noqa: N815 - the server calls them by these names

        def handle(self) -> None:
            # A client that has read enough, or does not trust the certificate, goes away.
            with suppress(ConnectionError):
                super().handle()

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate is not None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    tool = FakeTool(f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield tool
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
