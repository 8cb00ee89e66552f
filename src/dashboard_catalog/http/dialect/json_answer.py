"""JSON as the body of an answer."""

import json
from typing import Any

from fastapi import Response


class JsonAnswer(Response):
    """An answer whose size is known."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Returns the body."""
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()

    def ByteSize(self) -> int:  # noqa: N802 - the name of protobuf
        """Returns the size of the body."""
        return len(self.body)
