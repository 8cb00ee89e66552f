"""A plain HTTP server whose answers are constant: the floor of the HTTP door. It runs as a separate process.

It is uvicorn with the parser in Python that the catalog uses, uvloop and no log.
"""

import json
import sys
from typing import Any

import uvicorn


def serve(size: int) -> None:
    """Serves answers of `size` bytes until it is stopped, and prints its address to standard error."""
    body = b"x" * size
    headers = [(b"content-type", b"application/json"), (b"content-length", str(size).encode())]

    async def answer(_scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    config = uvicorn.Config(
        answer, port=0, loop="uvloop", http="h11", lifespan="off", access_log=False, log_level="warning"
    )
    with config.bind_socket() as socket:
        socket.listen(config.backlog)
        host, port = socket.getsockname()
        print(json.dumps({"event": "serving", "address": f"{host}:{port}"}), file=sys.stderr, flush=True)
        uvicorn.Server(config).run([socket])


if __name__ == "__main__":
    serve(int(sys.argv[1]))
