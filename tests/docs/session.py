"""Runs the examples of a document as a reader would, and compares the output with what the document shows.

- A block that begins with "```sh" is pasted into a shell as a whole.
- If the next block is a "```text" or "```json" block, it shows the output of the commands, standard error included.
  - `...` in an output matches any text: on its own line any lines, within a line any part of it.
- `...` in an output stands for any text: on a line of its own for any lines, within a line for any part of it.
- A block that names a file, such as "```json signups.json", is that file. If the checkout has the file, both must be
  equal; otherwise the reader is meant to save it.
- A block that begins with "```sh skip" is not executed. Blocks in other languages are only shown.

Text that differs between runs, such as ids and times, is masked on both sides.
"""

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from types import TracebackType
from typing import Self

_BLOCK = re.compile(r"^```(?P<language>\w+)(?: (?P<word>\S+))?\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_SKIP = "skip"
_OUTPUT_LANGUAGES = frozenset(("text", "json"))
_END = "end of output, status "

# The first match counts.
_MASKS = {
    "<token>": r"eyJ[\w-]+\.[\w-]+\.[\w-]+",
    "<uuid>": r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b",
    "<etag>": r"\b[0-9a-f]{32}(?=\.\d)",
    "<call>": r"\b[0-9a-f]{32}\b",
    "<time>": r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)",
    "<local time>": r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}",
    "<epoch>": r"\b1[789]\d{8}(?:\.\d+)?\b",
    "<revision>": r"\b\d{4}(?=: run `db upgrade`)",
    "in <seconds>": r"\bin \d+(?:\.\d+)? s \([\d,]+/s\)",
    '"duration_ms": <ms>': r'"duration_ms": [\d.]+',
    "127.0.0.1:<port>": r"\b127\.0\.0\.1:\d+",
}
_VOLATILE = re.compile("|".join(f"({pattern})" for pattern in _MASKS.values()))


@dataclass(frozen=True, slots=True)
class Command:
    """A block of commands.

    Attributes:
        line: Number of its first line in the document.
        text: The commands.
        output: The output that the document shows; None if it shows none.
    """

    line: int
    text: str
    output: str | None


@dataclass(frozen=True, slots=True)
class File:
    """A file that a document shows in full."""

    name: str
    content: str


class Session:
    """One shell for all commands of a document.

    Args:
        folder: Working directory, where files are saved too.
        shown: Maps texts in documents to their values in this test, such as an address.
        environment: Environment of the shell.
    """

    def __init__(self, folder: Path, shown: Mapping[str, str], environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._shown = shown
        self._shell = subprocess.Popen(
            ["bash", "--norc"],
            cwd=folder,
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shell.communicate()

    def follow(self, document: str) -> Iterator[str]:
        """Does what a document says, and yields a description of every difference."""
        for step in steps_of(document):
            if isinstance(step, File):
                yield from self._save(step)
                continue
            output, status = self.run(step.text)
            if status if step.output is None else not fits(step.output, output):
                yield f"line {step.line}, status {status}:\n{step.text}\n{output}"

    def run(self, commands: str) -> tuple[str, int]:
        """Runs commands.

        Returns:
            Their output, standard error included, as a document would show it, and the exit status of the last one.
        """
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.write(f"{{\n{self._here(commands)}\n}} < /dev/null\nprintf '\\n{_END}%s\\n' $?\n")
        self._shell.stdin.flush()
        lines: list[str] = []
        status = ""
        for line in self._shell.stdout:
            if line.startswith(_END):
                status = line.removeprefix(_END)
                break
            lines.append(line)
        output = "".join(lines)
        for shown, here in self._shown.items():
            output = output.replace(here, shown)
        return output.strip("\n"), int(status)

    def _save(self, file: File) -> Iterator[str]:
        path = self._folder / file.name
        if not path.exists():
            path.write_text(self._here(file.content))
        elif path.read_text() != file.content:
            yield f"{file.name} is not as the document shows it"

    def _here(self, text: str) -> str:
        for shown, here in self._shown.items():
            text = text.replace(shown, here)
        return text


def steps_of(document: str) -> Iterator[Command | File]:
    """Yields what a document asks its reader to do, in order."""
    blocks = list(_BLOCK.finditer(document))
    for block, following in zip_longest(blocks, blocks[1:]):
        if block["language"] == "sh":
            if block["word"] != _SKIP:
                first_line = document.count("\n", 0, block.start()) + 2
                yield Command(first_line, block["body"].rstrip("\n"), _output(following))
        elif block["word"]:
            yield File(block["word"], block["body"])


def _output(block: re.Match[str] | None) -> str | None:
    if block is None or block["word"] or block["language"] not in _OUTPUT_LANGUAGES:
        return None
    return block["body"].rstrip("\n")


def fits(shown: str, output: str) -> bool:
    """Returns whether an output matches what a document shows."""
    lines = [_pattern(line) for line in masked(shown).splitlines()]
    # A line of dots may also match no line.
    pattern = "\n".join(lines).replace("\n.*\n", r"\n(?:.*\n)?")
    return re.fullmatch(pattern, masked(output), re.DOTALL) is not None


def _pattern(line: str) -> str:
    return ".*" if line == "..." else re.escape(line).replace(re.escape("..."), r"[^\n]*")


def masked(text: str) -> str:
    """Returns the text without blanks at the ends of lines, and with everything masked that differs between runs."""
    names = list(_MASKS)
    text = _VOLATILE.sub(lambda found: names[(found.lastindex or 1) - 1], text)
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")
