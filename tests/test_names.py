"""Checks the names of modules: a name must say what is inside."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
SAYS_NOTHING = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}


def test_no_module_has_a_meaningless_name() -> None:
    folders = [ROOT / name for name in ("src", "tests", "benchmarks", "examples", "protos")]
    modules = [path for folder in folders for path in folder.rglob("*.py")]

    assert modules
    assert [str(path.relative_to(ROOT)) for path in modules if SAYS_NOTHING & set(path.stem.split("_"))] == []
