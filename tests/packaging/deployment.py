"""Reads the files of `deploy/`. Knows their formats, and no rule about what they should say."""

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.packaging.environments import ROOT

DEPLOY = ROOT / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
MANIFESTS = sorted(DEPLOY.glob("kubernetes/*.yaml"))
COMMAND = "dashboard-catalog"
_AFTER_COMMAND = frozenset({"|", ">", "&&", ";"})


def dockerfile() -> list[tuple[str, str]]:
    """Returns the instructions of the Dockerfile, each with what follows its name."""
    lines = [line for line in DEPLOY.joinpath("Dockerfile").read_text().splitlines() if not line.startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ")
    words = (line.partition(" ") for line in whole.splitlines() if line)
    return [(name, " ".join(rest.split())) for name, _, rest in words]


def last_stage() -> list[tuple[str, str]]:
    """Returns the instructions of the stage that becomes the image."""
    steps = dockerfile()
    begins = max(index for index, (name, _) in enumerate(steps) if name == "FROM")
    return steps[begins:]


def image_variables() -> dict[str, str]:
    """Returns the variables that the image sets."""
    assignments = (word for name, rest in last_stage() if name == "ENV" for word in shlex.split(rest))
    return dict(word.split("=", 1) for word in assignments)


@cache
def compose() -> dict[str, Any]:
    """Returns the services of the compose file, by name."""
    read = yaml.safe_load(DEPLOY.joinpath("compose.yaml").read_text())
    return dict(read["services"])


def manifest(kind: str, name: str = COMMAND) -> Any:
    """Returns one manifest of Kubernetes."""
    (found,) = (one for one in _manifests() if one["kind"] == kind and one.get("metadata", {}).get("name") == name)
    return found


@cache
def _manifests() -> list[Any]:
    return [one for path in MANIFESTS for one in yaml.safe_load_all(path.read_text())]


def unit() -> dict[str, list[str]]:
    """Returns the settings of the systemd unit, each with its values."""
    settings: dict[str, list[str]] = {}
    for name, value in re.findall(
        r"^(\w+)=(.*)$", DEPLOY.joinpath("systemd/dashboard-catalog.service").read_text(), re.MULTILINE
    ):
        settings.setdefault(name, []).append(value)
    return settings


def command_lines() -> Iterator[list[str]]:
    """Yields the arguments of every call of the command."""
    steps = dict(last_stage())
    entry = yaml.safe_load(steps["ENTRYPOINT"])
    yield [*entry, *yaml.safe_load(steps["CMD"])][1:]
    yield yaml.safe_load(steps["HEALTHCHECK"].partition(" CMD ")[2])[1:]
    yield from (service["command"] for service in compose().values() if service["image"] == COMMAND)
    for pod in (manifest("Deployment"), manifest("Job", "dashboard-catalog-db-upgrade")):
        yield from (each["args"] for each in pod["spec"]["template"]["spec"]["containers"])
    yield shlex.split(unit()["ExecStart"][0])[1:]
    yield from _commands_of_readme()


def _commands_of_readme() -> Iterator[list[str]]:
    text = DEPLOY.joinpath("README.md").read_text()
    for block in re.findall(r"^```sh.*?\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line)
            for index, word in enumerate(words[:-1]):
                if Path(word).name == COMMAND and re.fullmatch("[a-z]+", words[index + 1]):
                    ends = next((at for at, each in enumerate(words) if at > index and each in _AFTER_COMMAND), None)
                    yield words[index + 1 : ends]
