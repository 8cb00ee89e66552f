"""Servers of earlier schemas: their code comes from the history of this repository, and runs with today's packages."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVERS = {
    "0002": "1f7bc554c6261a7c1f3945d5ecb750afa69e4a69",
    "0003": "7e7e7d9f2e213660252ed58002d502bebf107c9e",
    "0004": "75c815266afc50a05bd4db4d12dcd8a91ab91aad",
    "0006": "4895ae1e8667d29bce33b99db0c15f4f9de23b27",
    "0007": "80748e0bc4a950703d089d968cc1bcfe5577383a",
    "0008": "c71b7ce99845292091a71be3a944d92a9ddfa1bd",
    "0009": "46ca41e7d0681cae96c4e68dab6f33d4816bf85d",
}
"""The last commit whose server has a schema as its newest. The schemas 0001 and 0005 have never been the newest."""

# How the server of 0004 answers a call of such an RPC.
_UNIMPLEMENTED = "object has no attribute 'set_code'"
# Old servers are started on machines that do much else at the same time.
_SECONDS = 300
_COMMAND = ["-c", "from dashboard_catalog.cli.main import main; main()"]


@dataclass(frozen=True, slots=True)
class Code:
    """The code of one version.

    Attributes:
        folder: Holds `src` and `client`.
    """

    folder: Path

    def run(self, *arguments: str) -> str:
        """Runs the command `dashboard-catalog`, or with `-m` a module of this folder, and returns what it prints.

        Raises:
            RuntimeError: With its errors, if it fails.
        """
        return self.begin(*arguments)()

    def begin(self, *arguments: str) -> Callable[[], str]:
        """Starts what `run` runs, and returns what waits for it."""
        command = arguments if arguments[0] == "-m" else (*_COMMAND, *arguments)
        pipe = subprocess.PIPE
        started = subprocess.Popen(
            [sys.executable, *command], env=self._environment(), stdout=pipe, stderr=pipe, text=True
        )

        def finish() -> str:
            printed, errors = started.communicate()
            if started.returncode:
                raise RuntimeError(f"{' '.join(arguments[:3])}: {errors}")
            return printed.strip()

        return finish

    @contextmanager
    def serving(self, data: Path, url: str) -> Iterator["Serving"]:
        """Runs a server until the end of the block.

        Args:
            data: Its data folder.
            url: Of its database.
        """
        log = data / "server.log"
        data.mkdir(parents=True, exist_ok=True)
        options = ["--address", f"unix:{data}/socket", "--data-dir", str(data), "--database-url", url]
        with log.open("w") as written:
            command = [sys.executable, *_COMMAND, "serve", *options, "--log-format", "json"]
            process = subprocess.Popen(command, env=self._environment(), stdout=written, stderr=written)
        try:
            _wait_until_serving(process, log)
            yield Serving(self, data, log)
        finally:
            process.terminate()
            process.wait(_SECONDS)

    def _environment(self) -> dict[str, str]:
        parts = [*(self.folder / part for part in ("src", "client/src", "client/generated")), ROOT]
        return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, parts))}


@dataclass(frozen=True, slots=True)
class Serving:
    """A running server.

    Attributes:
        code: Its code.
        data: Its data folder.
        log: The file of its log.
    """

    code: Code
    data: Path
    log: Path

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"unix:{self.data}/socket"

    def tokens(self) -> list[str]:
        """Returns the tokens of an admin, of a steward and of a bot that loads."""
        kept = self.data / "tokens.json"
        if not kept.exists():
            issue = ["token", "issue", "--data-dir", str(self.data), "--subject"]
            steward = self.code.run(*issue, "stella", "--role", "data_steward")
            bot = self.code.run(*issue, "loader", "--role", "ingestion_bot", "--bot")
            kept.write_text(json.dumps([(self.data / "admin.token").read_text().strip(), steward, bot]))
        tokens: list[str] = json.loads(kept.read_text())
        return tokens

    def bugs(self) -> list[str]:
        """Returns the lines of its log about bugs, except that it does not have an RPC yet that its contract has."""
        lines = self.log.read_text().splitlines()
        return [line for line in lines if '"event": "bug"' in line and _UNIMPLEMENTED not in line]


TODAY = Code(ROOT)


def is_there(commit: str) -> bool:
    """Returns whether the history of the repository has a commit."""
    found = subprocess.run(
        ["git", "cat-file", "-e", f"{commit}^{{commit}}"], cwd=ROOT, capture_output=True, check=False
    )
    return found.returncode == 0


def checked_out(commit: str, folder: Path) -> Code:
    """Returns the code of a commit, in a new folder."""
    folder.mkdir(parents=True)
    archive = subprocess.run(
        ["git", "archive", commit, "src", "client", "generated"], cwd=ROOT, check=True, capture_output=True
    )
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    return Code(folder)


def _wait_until_serving(process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _SECONDS
    while not any(json.loads(line)["event"] == "serving" for line in _lines(log)):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(log.read_text())
        time.sleep(0.05)


def _lines(log: Path) -> list[str]:
    return [line for line in log.read_text().splitlines(keepends=True) if line.startswith("{") and line.endswith("\n")]
