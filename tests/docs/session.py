"""Runs the examples of a document as a reader would, and compares what comes back with what the document shows.

A block of the language `console` holds commands after `$ `, continued after `> `, each with its output below. A line
`...` in an output stands for any lines. A block that names a file, such as "```json retry.json", is that file. Other
blocks are only shown. What differs from run to run, such as ids and times, is masked on both sides.
"""

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

_BLOCK = re.compile(r"^```(?P<language>\w+)(?: (?P<file>\S+))?\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_END = "end of output, status "

# The first that fits counts.
_MASKS = {
    "<token>": r"eyJ[\w-]+\.[\w-]+\.[\w-]+",
    "<uuid>": r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b",
    "<etag>": r"\b[0-9a-f]{32}(?=\.\d)",
    "<call>": r"\b[0-9a-f]{32}\b",
    "<time>": r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)",
    "<epoch>": r"\b1[789]\d{8}(?:\.\d+)?\b",
    "<revision>": r"\b\d{4}(?=: run `db upgrade`)",
    "in <seconds>": r"\bin \d+(?:\.\d+)? s \([\d,]+ a second\)",
    '"duration_ms": <ms>': r'"duration_ms": [\d.]+',
    "127.0.0.1:<port>": r"\b127\.0\.0\.1:\d+",
}
_VOLATILE = re.compile("|".join(f"({pattern})" for pattern in _MASKS.values()))


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a document, with the output that stands below it."""

    line: int
    text: str
    output: str


@dataclass(frozen=True, slots=True)
class File:
    """A file that a reader is told to write."""

    name: str
    content: str


class Session:
    """One shell for all commands of a document.

    Args:
        folder: Where it works, and where its files are written.
        shown: What stands in documents for what is different here, such as an address.
        environment: Of the shell.
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
        """Does what a document says, and yields what is not as it shows."""
        for step in steps_of(document):
            if isinstance(step, File):
                self._folder.joinpath(step.name).write_text(self._here(step.content))
            elif not fits(step.output, output := self.run(step.text)):
                yield f"line {step.line}: $ {step.text}\n{output}"

    def run(self, command: str) -> str:
        """Runs a command and returns its output, standard error included, as a document would show it."""
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.write(f"{{\n{self._here(command)}\n}} < /dev/null\nprintf '\\n{_END}%s\\n' $?\n")
        self._shell.stdin.flush()
        lines: list[str] = []
        for line in self._shell.stdout:
            if line.startswith(_END):
                break
            lines.append(line)
        output = "".join(lines)
        for shown, here in self._shown.items():
            output = output.replace(here, shown)
        return output.strip("\n")

    def _here(self, text: str) -> str:
        for shown, here in self._shown.items():
            text = text.replace(shown, here)
        return text


def steps_of(document: str) -> Iterator[Command | File]:
    """Yields what a document tells its reader to do, in order."""
    for block in _BLOCK.finditer(document):
        if block["file"]:
            yield File(block["file"], block["body"])
        elif block["language"] == "console":
            first_line = document.count("\n", 0, block.start()) + 2
            yield from _commands(block["body"], first_line)


def _commands(body: str, first_line: int) -> Iterator[Command]:
    texts: list[str] = []
    output: list[str] = []
    began = first_line
    for number, line in enumerate(body.splitlines(), start=first_line):
        if line.startswith("$ "):
            if texts:
                yield Command(began, "\n".join(texts), "\n".join(output))
            texts, output, began = [line[2:]], [], number
        elif line.startswith("> ") and not output:
            texts.append(line[2:])
        else:
            output.append(line)
    yield Command(began, "\n".join(texts), "\n".join(output))


def fits(shown: str, output: str) -> bool:
    """Says whether an output is what a document shows of it."""
    lines = [".*" if line == "..." else re.escape(line) for line in masked(shown).splitlines()]
    # A line of dots may stand for no line at all.
    pattern = "\n".join(lines).replace("\n.*\n", r"\n(?:.*\n)?")
    return re.fullmatch(pattern, masked(output), re.DOTALL) is not None


def masked(text: str) -> str:
    """Returns the text without what differs from run to run, and without blanks at the ends of lines."""
    names = list(_MASKS)
    text = _VOLATILE.sub(lambda found: names[(found.lastindex or 1) - 1], text)
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n")
