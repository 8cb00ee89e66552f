"""Installs distributions into empty environments and uses them: `python -m tests.packaging dist`.

`make dist-check` runs it. Everything that they depend on is downloaded, in its newest version, as for a new user.
"""

import sys
import tempfile
from pathlib import Path

from tests.packaging.environments import PROJECTS, install, new_environment
from tests.packaging.first_use import use


def main(dist: Path) -> None:
    for suffix in ("-py3-none-any.whl", ".tar.gz"):
        files = [_file(dist, name, suffix) for name in PROJECTS]
        print(f"Installing {', '.join(file.name for file in files)} into an empty environment ...", flush=True)
        with tempfile.TemporaryDirectory(prefix="dist-") as name:
            folder = Path(name)
            server, client = new_environment(folder / "server"), new_environment(folder / "client")
            install(server, "--no-compile", *files)
            install(client, "--no-compile", files[0])
            folder.joinpath("home").mkdir()
            printed = use(server, client, folder / "home")
        print("\n".join(f"{step}: {text.splitlines()[-1]}" for step, text in printed.items()), flush=True)


def _file(dist: Path, name: str, suffix: str) -> Path:
    found = [*dist.glob(f"{name}-[0-9]*{suffix}")]
    if len(found) != 1:
        sys.exit(f"{dist} must hold one {name}-VERSION{suffix}: run `make dist`")
    return found[0].resolve()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
