"""An RPC with an empty request and response: the floor of unary calls. It runs as a separate process.

It is served twice: by a plain server, and by the catalog's, behind the same edge as every call of the catalog.
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import grpc
import grpc.aio
import structlog
from google.protobuf.empty_pb2 import Empty

from dashboard_catalog import logs
from dashboard_catalog.processes import run_until_stopped
from dashboard_catalog.server import build, prepare
from dashboard_catalog.settings import Settings

ECHO = "/benchmarks.Echo/Echo"
_SERVICE, _METHOD = ECHO.strip("/").split("/")

_log = structlog.get_logger(__name__)


async def _echo(request: Empty, _context: object) -> Empty:
    return request


def _add_echo(server: grpc.aio.Server, *_parts: object) -> Sequence[str]:
    handler = grpc.unary_unary_rpc_method_handler(
        _echo, request_deserializer=Empty.FromString, response_serializer=Empty.SerializeToString
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, {_METHOD: handler}),))
    return [_SERVICE]


def serve(data_dir: Path) -> None:
    """Serves until it is stopped; the log has the addresses."""
    settings = Settings.load({"address": "127.0.0.1:0", "data_dir": data_dir})
    logs.configure(settings.log_level, "json")
    prepare(settings)

    async def main(stop_requested: asyncio.Event) -> None:
        edged = await build(settings, _add_echo)
        plain = grpc.aio.server()
        _add_echo(plain)
        port = plain.add_insecure_port("127.0.0.1:0")
        await plain.start()
        await edged.start()
        _log.info("serving", address=edged.address, plain_address=f"127.0.0.1:{port}")
        await stop_requested.wait()
        await plain.stop(grace=0)
        await edged.drain()

    run_until_stopped(main)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
