"""Prints messages for programs: protobuf JSON, one object per line."""

from google.protobuf import json_format
from google.protobuf.message import Message

from dashboard_catalog.cli import output


def json_line(message: Message) -> str:
    """Returns a message as one line of JSON."""
    return json_format.MessageToJson(message, indent=None, ensure_ascii=False)


def print_message(message: Message) -> None:
    """Prints a message as one line of JSON."""
    output.write_line(json_line(message))
