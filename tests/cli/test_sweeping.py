"""`ingest --sweep` deletes the assets that the source lacks, unless a guard stops it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.cli.source import SERVICE, chart, dashboard, write_lines

pytestmark = pytest.mark.usefixtures("server")


@pytest.fixture
def loaded(run: Run, folder: Path) -> Path:
    """A loaded folder with twelve charts and a dashboard."""
    write_lines(folder / "charts.ndjson", *(chart(f"c{number}") for number in range(12)))
    write_lines(folder / "dashboards.ndjson", dashboard("d", "s.c0"))
    assert run("ingest", folder).exit_code == 0
    return folder


def keep(folder: Path, *numbers: int) -> None:
    """Leaves only these charts in the source."""
    write_lines(folder / "charts.ndjson", *(chart(f"c{number}") for number in numbers))


def charts(run: Run) -> list[str]:
    listed = run("list", "--kind", "chart", "--json").stdout.splitlines()
    return [json.loads(line)["name"] for line in listed]


def swept(run: Run, folder: Path, *flags: object) -> tuple[int, Any]:
    """Returns the exit status and the sweep in the summary."""
    result = run("ingest", folder, "--sweep", "s", "--json", *flags)
    return result.exit_code, json.loads(result.stdout)["sweep"]


def test_assets_that_the_source_lacks_are_deleted_and_restored_when_they_return(run: Run, loaded: Path) -> None:
    keep(loaded, *range(10))
    result = run("ingest", loaded, "--sweep", "s")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-3:] == [
        "Sweep of s: deleted 2 assets that the source lacks",
        "  s.c10",
        "  s.c11",
    ]
    assert len(charts(run)) == 10
    keep(loaded, *range(12))
    again = run("ingest", loaded, "--sweep", "s")
    assert again.stdout.splitlines()[-1] == "Sweep of s: nothing to delete"
    assert len(charts(run)) == 12


def test_a_dry_run_shows_what_would_be_deleted(run: Run, loaded: Path) -> None:
    keep(loaded, *range(10))
    summary = {"service": "s", "outcome": "PREVIEWED", "deleted": 0, "wouldDelete": 2, "sample": ["s.c10", "s.c11"]}
    assert swept(run, loaded, "--dry-run") == (0, summary)
    assert "Sweep of s: would delete 2 assets that" in run("ingest", loaded, "--sweep", "s", "--dry-run").stdout
    assert len(charts(run)) == 12


def test_exceeding_the_percentage_stops_the_sweep(run: Run, loaded: Path) -> None:
    keep(loaded, 0)
    result = run("ingest", loaded, "--sweep", "s")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-12] == (
        "Sweep of s: nothing deleted: the source lacks 11 assets, more than --max-deleted-percent allows"
    )
    assert result.stdout.splitlines()[-1] == "  ... and 1 more"
    assert swept(run, loaded, "--dry-run")[0] == 1
    assert len(charts(run)) == 12
    assert swept(run, loaded, "--max-deleted-percent", 95)[0] == 0
    assert charts(run) == ["c0"]


def test_a_source_without_assets_of_the_service_stops_the_sweep(run: Run, loaded: Path) -> None:
    path = write_lines(loaded / "nothing", SERVICE)
    result = run("ingest", path, "--sweep", "s")
    assert result.exit_code == 1
    assert "Sweep of s: nothing deleted: the source has no dashboard or chart of it" in result.stdout
    assert len(charts(run)) == 12


@pytest.mark.parametrize("line", ["nonsense", chart("c11", description=3)], ids=["no JSON", "no chart"])
@pytest.mark.parametrize("flags", [[], ["--dry-run"], ["--max-failures", 0]], ids=str)
def test_an_unreadable_line_stops_the_sweep(run: Run, loaded: Path, line: Any, flags: list[object]) -> None:
    write_lines(loaded / "charts.ndjson", *(chart(f"c{number}") for number in range(10)), line)
    result = run("ingest", loaded, "--sweep", "s", "--json", *flags)
    assert result.exit_code == 1
    summary = json.loads(result.stdout)
    assert summary["failed"] == 1
    assert [one["place"] for one in summary["failures"]] == ["charts.ndjson:11"]
    assert summary["sweep"]["deleted"] == 0
    assert summary["sweep"]["outcome"] in {"UNREADABLE_ITEM", ""}
    assert len(charts(run)) == 12


def test_a_duplicate_does_not_stop_the_sweep_unless_it_stops_reading(run: Run, loaded: Path) -> None:
    both = (chart("c0"), chart("c0", description="other"))
    write_lines(loaded / "charts.ndjson", *both, *(chart(f"c{number}") for number in range(1, 10)))
    code, stopped = swept(run, loaded, "--max-failures", 0, "--max-deleted-percent", 100)
    assert (code, stopped["deleted"]) == (1, 0)
    assert len(charts(run)) == 12
    code, done = swept(run, loaded)
    assert (code, done["outcome"], done["sample"]) == (1, "DONE", ["s.c10", "s.c11"])


def test_an_item_that_failed_is_not_swept(run: Run, loaded: Path) -> None:
    write_lines(loaded / "dashboards.ndjson", dashboard("d", "s.nothing"))
    code, summary = swept(run, loaded)
    assert (code, summary["outcome"], summary["deleted"]) == (1, "DONE", 0)
    assert run("get", "s.d").exit_code == 0


def test_a_load_that_stops_early_sweeps_nothing(run: Run, loaded: Path) -> None:
    keep(loaded, *range(10))
    write_lines(loaded / "dashboards.ndjson", dashboard("d", "s.nothing"))
    result = run("ingest", loaded, "--sweep", "s", "--max-failures", 0)
    assert result.exit_code == 1
    assert "Sweep of s: nothing deleted: the load stopped early" in result.stdout
    assert len(charts(run)) == 12


def test_the_percentage_needs_a_sweep(run: Run, folder: Path) -> None:
    result = run("ingest", folder, "--max-deleted-percent", 5)
    assert result.exit_code == 2
    assert result.stderr == "Error: --max-deleted-percent needs --sweep\n"
