"""Makes the filled database of a schema: `python -m tests.upgrades.make 0010` (all of them without a number).

It runs the server of that schema on an empty database, from the commit that `releases` names, fills it by `story`, and
writes its rows to `data/`. Ids and times differ each time, so a file is made once and stays as it is.

Before the next migration is added, name the last commit without it in `releases`, and make the file of its schema.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.upgrades.releases import SERVERS, checked_out
from tests.upgrades.rows import DATA, dumped, migrate_to

# No server was made for these schemas. The one after 0001 needs no more of it; the one before 0005 can use it.
_INSTEAD = {"0001": "0002", "0005": "0004"}


def make(revision: str, folder: Path) -> str:
    """Returns the statements of a filled database."""
    server = _INSTEAD.get(revision, revision)
    code = checked_out(SERVERS[server], folder / "code")
    file = folder / "data" / "catalog.db"
    file.parent.mkdir()
    url = f"sqlite+aiosqlite:///{file}"
    if revision > server:
        migrate_to(url, revision)
    with code.serving(file.parent, url) as serving:
        code.run("-m", "tests.upgrades.story", serving.address, *serving.tokens())
    comment = f"-- What the server of schema {server}, commit {SERVERS[server][:7]}, wrote with schema {revision}.\n\n"
    return comment + dumped(file, revision, folder / "empty.db")


def main(revisions: list[str]) -> None:
    """Makes the files of these schemas."""
    for revision in revisions or sorted({*SERVERS, *_INSTEAD}):
        with TemporaryDirectory(prefix="upgrades-") as folder:
            made = make(revision, Path(folder))
        (DATA / f"{revision}.sql").write_text(made)
        sys.stdout.write(f"{revision}: {len(made):,} characters\n")


if __name__ == "__main__":
    main(sys.argv[1:])
