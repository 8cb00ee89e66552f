"""What is released: both distributions in one version, complete, and enough to do what the README does.

`make dist-check` does the same with all packages downloaded into empty environments.
"""

import tomllib
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from pathlib import Path

import pytest

from tests.packaging.environments import PROJECTS, ROOT, build, install, lend_packages, new_environment
from tests.packaging.first_use import use

VERSION = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text())["project"]["version"]
# Where the packages of each distribution are in the checkout.
FOLDERS = {
    "dashboard_catalog_client": {ROOT / "client" / "src", ROOT / "generated"},
    "dashboard_catalog": {ROOT / "src"},
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distributions, and the wheels that were built from those."""
    folder = tmp_path_factory.mktemp("dist")
    for project in PROJECTS.values():
        build(project, folder)
    return folder


def wheel(folder: Path, name: str) -> Path:
    return folder / f"{name}-{VERSION}-py3-none-any.whl"


def test_both_have_the_version_and_the_server_depends_on_the_client_of_that_version(built: Path) -> None:
    assert {path.name for path in built.iterdir()} == {
        f"{name}-{VERSION}{suffix}" for name in PROJECTS for suffix in (".tar.gz", "-py3-none-any.whl")
    }
    with zipfile.ZipFile(wheel(built, "dashboard_catalog")) as archive:
        metadata = Parser().parsestr(archive.read(f"dashboard_catalog-{VERSION}.dist-info/METADATA").decode())
    assert f"dashboard-catalog-client=={VERSION}" in metadata.get_all("Requires-Dist", [])
    assert metadata["Version"] == VERSION


@pytest.mark.parametrize("name", PROJECTS)
def test_a_wheel_holds_every_file_of_its_packages_and_nothing_else(built: Path, name: str) -> None:
    with zipfile.ZipFile(wheel(built, name)) as archive:
        held = {file for file in archive.namelist() if ".dist-info/" not in file}
    assert held == {str(path.relative_to(folder)) for folder in FOLDERS[name] for path in _files(folder)}
    assert any(file.endswith("/py.typed") for file in held)


def test_what_is_installed_serves_loads_and_answers(built: Path, tmp_path: Path) -> None:
    server, client = new_environment(tmp_path / "server"), new_environment(tmp_path / "client")
    for python, names in ((server, PROJECTS), (client, ["dashboard_catalog_client"])):
        lend_packages(python)
        install(python, "--no-index", "--no-deps", "--no-compile", *(wheel(built, name) for name in names))
    tmp_path.joinpath("home").mkdir()

    printed = use(server, client, tmp_path / "home")

    assert printed["version"] == printed["http"] == VERSION
    assert printed["health"] == "SERVING"
    assert "superset.customers" in printed["list"]
    assert "Who comes, who stays, who leaves." in printed["get"]
    assert printed["client"] == "Customers"


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
