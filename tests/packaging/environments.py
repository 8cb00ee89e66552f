"""Builds the distributions, and makes environments that hold what was built and none of this checkout."""

import os
import site
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
# The order in which they are installed.
PROJECTS = {"dashboard_catalog_client": ROOT / "client", "dashboard_catalog": ROOT}


def build(project: Path, folder: Path) -> None:
    """Builds a source distribution in a folder, and from that a wheel, with the tools of this environment."""
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, project)


def new_environment(folder: Path) -> Path:
    """Creates an environment without any package, and returns its Python."""
    _run(sys.executable, "-m", "venv", "--without-pip", folder)
    return folder / "bin" / "python"


def lend_packages(python: Path) -> None:
    """Lets an environment import the packages of this one; what is installed here from the checkout stays unseen.

    Python does not read the `.pth` files of a folder that a `.pth` file names, and editable installs need theirs.
    """
    (packages,) = python.parent.parent.glob("lib/python*/site-packages")
    packages.joinpath("lent.pth").write_text("\n".join(site.getsitepackages()))


def install(python: Path, *arguments: object) -> None:
    """Installs into an environment, with the `pip` of this one."""
    _run(
        sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--disable-pip-version-check", *arguments
    )


def own_variables(home: Path) -> dict[str, str]:
    """Returns variables for programs of such an environment: without any of this checkout's or the developer's."""
    hidden = ("PYTHON", "PIP_CONSTRAINT", "VIRTUAL_ENV", "DASHBOARD_CATALOG_", "XDG_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    return kept | {"HOME": str(home)}


def _run(*command: Any) -> None:
    done = subprocess.run(
        list(map(str, command)), check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{done.stdout}")
