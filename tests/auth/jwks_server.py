"""A real HTTP server on loopback that publishes a JWKS and misbehaves when a test asks for it."""

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class JwksServer(ThreadingHTTPServer):
    """Answers every GET with `document`.

    Attributes:
        document: The body.
        status: The status; with a redirect, `location` is sent.
        location: Target of a redirect.
        seconds_a_byte: Sends the body byte by byte at this pace.
        paths: The requested paths, in order.
    """

    daemon_threads = True
    document = b""
    status = 200
    location: str | None = None
    seconds_a_byte = 0.0

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.paths: list[str] = []
        self.scheme = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}/keys"

    def use_tls(self, certificate: str, key: str) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.scheme = "https"

    def handle_error(self, request: object, client_address: object) -> None:
        """Stays silent, because the tests are about clients that hang up."""


class _Handler(BaseHTTPRequestHandler):
    server: JwksServer

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        self.send_response(self.server.status)
        if self.server.location is not None:
            self.send_header("Location", self.server.location)
        self.send_header("Content-Length", str(len(self.server.document)))
        self.end_headers()
        if not self.server.seconds_a_byte:
            self.wfile.write(self.server.document)
            return
        for byte in self.server.document:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(self.server.seconds_a_byte)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Stays silent."""


@contextmanager
def running(server: JwksServer) -> Iterator[JwksServer]:
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
