"""`ingest` of several paths, of other tools' formats, and of what refers to what does not exist."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboard_catalog.sources import detection
from dashboard_catalog.sources.files.trees import Tree
from dashboard_catalog.sources.items.found import BadItem, Found, FoundItem
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.problems import SourceError
from dashboard_catalog.sources.tools import FORMATS
from dashboard_catalog.sources.wishes import Wishes
from tests.cli.conftest import Run
from tests.cli.small_catalog import SmallCatalog
from tests.cli.source import SERVICE, chart, dashboard, write_lines

PASSWORD = "not-to-be-kept"
OWNERS = ("user", "team")


def write_samples(folder: Path, *names: str, service: str = "sales.eu") -> Path:
    """Writes samples as OpenMetadata has them: for each name a chart and a dashboard that holds it."""
    folder.mkdir(exist_ok=True)
    config = {"type": "Superset", "hostPort": "http://localhost:8088", "connection": {"password": PASSWORD}}
    described = {"type": "superset", "serviceName": service, "serviceConnection": {"config": config}}
    owner = {"id": "067319fd-fa77-4b55-b481-f438489b0931", "type": "user", "name": "jane.doe"}
    charts = [{"id": "1", "name": f"c.{name}", "chartId": "1", "chartUrl": f"http://x/{name}"} for name in names]
    dashboards = [
        {"name": name, "displayName": name.upper(), "charts": [f"c.{name}"], "owners": [owner], "href": "http://x"}
        for name in names
    ]
    (folder / "service.json").write_text(json.dumps(described))
    (folder / "charts.json").write_text(json.dumps({"charts": charts}, indent=1))
    (folder / "dashboards.json").write_text(json.dumps({"dashboards": dashboards}, indent=1))
    return folder


class Toy:
    """A format whose every file is a dashboard, named like the file."""

    name = "toy"
    has_all_charts = True

    def __init__(self) -> None:
        self.wishes: list[Wishes] = []

    def recognizes(self, tree: Tree) -> bool:
        return any(name.endswith(".toy") for name in tree.names)

    def items(self, tree: Tree, wishes: Wishes) -> Iterator[Found]:
        self.wishes.append(wishes)
        if wishes.service is None:
            raise SourceError("give --service NAME")
        yield FoundItem("toys", Kind.BI_SERVICE, {"name": wishes.service, "serviceType": "Toys"})
        for name in tree.names:
            if tree.read(name) == b"bad":
                body = {"name": "bad", "service": wishes.service}
                yield BadItem(name, "is no toy", Kind.DASHBOARD, body)
            else:
                toy: dict[str, Any] = {"name": name.removesuffix(".toy"), "service": wishes.service, "x": 1}
                yield FoundItem(name, Kind.DASHBOARD, toy, dropped=("dashboard.wheels",))


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Toy:
    toy = Toy()
    monkeypatch.setattr(detection, "FORMATS", [*FORMATS, toy])
    return toy


@pytest.fixture
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def loaded(run: Run, *arguments: object) -> dict[str, Any]:
    result = run("ingest", *arguments, "--json")
    assert result.exit_code == 0, result.output
    summary: dict[str, Any] = json.loads(result.stdout)
    return summary


@pytest.mark.usefixtures("server")
def test_samples_of_openmetadata_are_loaded_again_unchanged_and_swept(run: Run, tmp_path: Path) -> None:
    folder = write_samples(tmp_path / "samples", "a", "b", "c", "d")
    preview = run("ingest", folder, "--dry-run", "--sweep", '"sales.eu"').stdout
    assert 'The first items of each kind:\n  bi service sales.eu\n  chart "sales.eu"."c.a"\n' in preview
    assert '  dashboard "sales.eu".a  A\n' in preview
    first = loaded(run, folder)
    assert first["items"] == {"entity": 1, "chart": 4, "dashboard": 4}
    assert (first["created"], first["leftOutReferences"]) == (9, {"dashboard.owners": 4})
    assert first["droppedFields"] == {"bi_service.serviceConnection": 1}
    assert loaded(run, folder)["unchanged"] == 9
    found = json.loads(run("get", '"sales.eu".a', "--json").stdout)
    assert (found["serviceType"], [one["name"] for one in found["charts"]]) == ("Superset", ["c.a"])
    write_samples(folder, "a", "b", "c")
    swept = loaded(run, folder, "--from", "openmetadata", "--sweep", '"sales.eu"')
    assert (swept["unchanged"], swept["sweep"]["deleted"]) == (7, 2)
    failed = run("ingest", folder, "--missing", "fail")
    assert failed.exit_code == 1
    assert 'dashboard.owners[0]: there is no user "jane.doe"' in failed.stdout
    assert (
        "To load items without what does not exist, add --missing drop; to create it, --missing create" in failed.stdout
    )
    for text in (preview, failed.output, json.dumps(first)):
        assert PASSWORD not in text


@pytest.mark.usefixtures("server")
def test_what_items_need_is_created_on_request(run: Run, tmp_path: Path) -> None:
    body = dashboard(
        "d",
        owners=[{"type": "team", "name": "crew"}],
        tags=[{"tagFQN": "Level.High"}],
        domains=[{"type": "domain", "name": "eu", "fullyQualifiedName": "sales.eu"}],
        serviceType="Looker",
    )
    own = [{"biService": {"name": "own", "serviceType": "Own"}}, chart("o", service="own")]
    path = write_lines(
        tmp_path / "lines", body, chart("c", service="other", owners=[{"type": "user", "name": "u"}]), *own
    )
    assert run("ingest", path, "--dry-run").exit_code == 1
    arguments = [path, "--missing", "create"]
    before = loaded(run, *arguments, "--dry-run")
    assert (before["items"], before["createdEntities"]) == ({"entity": 5, "dashboard": 1, "chart": 2}, [])
    references = {"classification": 1, "tag": 1, "team": 1, "user": 1}
    assert before["createdReferences"] == references
    assert run("get", "s", "--kind", "bi_service").exit_code == 2
    first = loaded(run, *arguments)
    assert first["createdEntities"] == ["bi service other", "bi service s", "domain sales", "domain sales.eu"]
    assert (first["created"], first["leftOutReferences"], first["createdReferences"]) == (4, {}, references)
    again = loaded(run, *arguments)
    assert (again["unchanged"], again["createdEntities"], again["createdReferences"]) == (4, [], {})
    found = json.loads(run("get", "s.d", "--json").stdout)
    assert [found["owners"][0]["name"], found["tags"][0]["tagFQN"], found["domains"][0]["fullyQualifiedName"]] == [
        "crew",
        "Level.High",
        "sales.eu",
    ]
    types = [json.loads(line)["biService"]["serviceType"] for line in _listed(run, "bi_service")]
    assert types == ["CustomDashboard", "Own", "Looker"]
    fields: dict[str, Any] = {"tags": [{"tagFQN": "Level.Low"}], "owners": [{"type": t, "name": "n"} for t in OWNERS]}
    lacking = write_lines(tmp_path / "x", dashboard("e", domain="none", charts=["s.x"], **fields))
    created = run("ingest", lacking, "--missing=create", "--dry-run").stdout
    absent = "Left out, because it does not exist here"
    assert f"{absent} and could not be created: dashboard.owners (2), dashboard.charts (1)\n" in created
    assert "Users and a team were not created as owners of the same asset" in created
    assert "Would be created, because items need it: 1 tag\n" in created
    dropped = run("ingest", lacking, "--missing=drop").stdout
    counted = "dashboard.owners (2), dashboard.charts (1), dashboard.domain (1), dashboard.tags (1)"
    assert f"{absent}: {counted}; to create owners, tags and domains, add --missing create" in dropped


def _listed(run: Run, kind: str) -> list[str]:
    return run("list", "--kind", kind, "--json").stdout.splitlines()


@pytest.mark.usefixtures("server")
def test_the_service_of_what_names_none_is_created_once_and_not_changed(run: Run, toy: Toy, tmp_path: Path) -> None:
    toys = tmp_path / "toys"
    toys.mkdir()
    for name in ("one.toy", "two.toy"):
        (toys / name).touch()
    assert run("ingest", toys).stderr == "Error: give --service NAME\n"
    named = ["--service", "box", "--service-type", "Box", "--kind", "chart"]
    first = loaded(run, toys, *named)
    assert toy.wishes[-1] == Wishes(service="box", service_type="Box", kind=Kind.CHART)
    assert (first["items"], first["createdEntities"]) == ({"dashboard": 2}, ["bi service box"])
    assert first["droppedFields"] == {"dashboard.x": 2, "dashboard.wheels": 2}
    assert "dashboard.wheels: is not a field" in run("ingest", toys, "--strict", *named).stdout
    run("update", "box", "--kind", "bi_service", "--set", 'display_name="The box"')
    assert loaded(run, toys, *named)["unchanged"] == 2
    service = json.loads(_listed(run, "bi_service")[0])["biService"]
    assert (service["serviceType"], service.get("displayName")) == ("Toys", "The box")
    # The catalog's own formats do the same, if the type is known.
    own = write_lines(tmp_path / "own.ndjson", {"chart": {"name": "c"}})
    unknown = run("ingest", own, "--service", "new")
    assert (unknown.exit_code, unknown.stderr) == (
        2,
        "Error: there is no BI service new: give --service-type TYPE, such as Superset, to create it\n",
    )
    assert loaded(run, own, "--service", "new", "--service-type", "X")["createdEntities"] == ["bi service new"]
    assert loaded(run, own, "--service", "box")["created"] == 1
    # What fails needs none.
    for name in ("one.toy", "two.toy"):
        (toys / name).write_text("bad")
    failed = run("ingest", toys, "--service", "unused", "--missing", "create", "--json")
    assert (failed.exit_code, json.loads(failed.stdout)["createdEntities"]) == (1, [])
    # It does not matter where nothing is of it.
    theirs = write_lines(tmp_path / "theirs.ndjson", {"chart": {"name": "c", "service": "box"}})
    assert loaded(run, theirs, "--service", "none")["unchanged"] == 1
    # Ids of different tools may be the same.
    grafana = tmp_path / "grafana.json"
    grafana.write_text(json.dumps({"uid": "g", "title": "G", "schemaVersion": 41, "panels": []}))
    mixed = run("ingest", toys, grafana, "--service", "box")
    assert mixed.exit_code == 2
    assert mixed.stderr.startswith("Error: box would be a BI service of the types Toys and Grafana: load each tool by")


def test_several_paths_are_one_load_with_places_that_tell_them_apart(
    run: Run, toy: Toy, folder: Path, small: SmallCatalog, tmp_path: Path
) -> None:
    page = {"data": [dashboard("p")], "paging": {"after": "x", "total": 2}}
    last = {"data": [dashboard("q")], "paging": {"total": 2}}
    paths = [write_lines(tmp_path / name, value) for name, value in (("p2.json", last), ("p1.json", page))]
    toys = tmp_path / "toys"
    toys.mkdir()
    (toys / "bad.toy").write_text("bad")
    write_lines(folder / "charts.ndjson", chart("a", extension=3))
    result = run("ingest", *paths, folder, toys, "--service", "s", "--service-type", "x", "--missing", "fail")
    assert result.exit_code == 1
    assert [line.split("  ")[0] for line in result.stdout.splitlines() if line.startswith(str(tmp_path))] == [
        f"{folder}/charts.ndjson:1",
        f"{folder}/dashboards.ndjson:1",
        f"{toys}/bad.toy",
        f"{paths[0]}, {paths[1]}, {folder}, {toys}: 1 entity, 3 dashboards sent in "
        + result.stdout.rsplit("sent in ", 1)[1].splitlines()[0],
    ]
    assert f"{toys}/bad.toy  dashboard s.bad\n    is no toy\n" in result.stdout
    [stream] = small.streams
    sent = [item.dashboard.name for request in stream for item in request.items if item.HasField("dashboard")]
    assert sent == ["q", "p", "d"]
    lacking = run("ingest", paths[1], folder)
    assert f"{paths[1]}:1\n    says that there are more pages: give all pages at once" in lacking.stdout
    assert toy.wishes


def test_only_dashboards_that_have_all_their_charts_replace_charts(
    run: Run, small: SmallCatalog, tmp_path: Path
) -> None:
    said = {"entityUrn": "urn:li:dashboard:(superset,1)", "aspectName": "dashboardInfo", "aspect": {"json": {}}}
    (tmp_path / "datahub.json").write_text(json.dumps(said))
    (tmp_path / "table.csv").write_text("name,service\nt,s\n")
    write_samples(tmp_path / "samples", "a", service="s")
    for paths in (["datahub.json"], ["samples"], ["samples", "table.csv"]):
        assert run("ingest", *(tmp_path / path for path in paths)).exit_code == 0
    assert [list(stream[0].options.update_mask.paths) for stream in small.streams] == [["charts"], ["charts"], []]


def test_a_load_of_another_format_is_resumed(run: Run, small: SmallCatalog, tmp_path: Path) -> None:
    folder = write_samples(tmp_path / "samples", *"abcd", service="s")
    small.break_after = 5
    broken = run("ingest", folder, "--give-up-after", 0)
    assert broken.exit_code == 2
    assert broken.stderr.endswith("Run the command again with --resume to continue from there.\n")
    small.breaks = 0
    resumed = run("ingest", folder, "--resume")
    assert "Resumed: 5 of them were done before" in resumed.stdout
    assert len({stream[0].options.session_id for stream in small.streams}) == 1
    small.breaks = 1_000
    assert run("ingest", folder, "--give-up-after", 0, "--sweep", "x").exit_code == 2
    small.breaks = 0
    write_samples(folder, *"abcde", service="s")
    assert "starting from the beginning" in run("ingest", folder, "--resume", "--sweep", "x").stderr


def test_what_is_too_large_for_memory_is_refused_in_one_line(run: Run, small: SmallCatalog, tmp_path: Path) -> None:
    long, document, many = (tmp_path / name for name in ("long.ndjson", "document.json", "many.json"))
    for path, start in ((long, b'{"a": "'), (document, b"[\n")):
        path.write_bytes(start + b" " * 5_000)
        with path.open("r+b") as file:
            file.truncate(2**30)
    many.write_bytes(b"[" + b"{}," * 4_000_000 + b"{}]")
    for path, text in (
        (long, "long.ndjson:1 is too long for one line: at most 64 MiB are read at once"),
        (document, "document.json is not JSON: it is too large: at most 64 MiB are read at once"),
        (many, "nothing can be loaded: many.json:1 is not JSON: it has more than 4,000,000 values"),
    ):
        result = run("ingest", path)
        assert (result.exit_code, result.stdout) == (2, "")
        [line] = result.stderr.splitlines()
        assert line.startswith(f"Error: {text}")
    assert small.streams == []


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "give a PATH, or --from and --url"),
        (["x", "--url", "http://x"], "give PATH or --url, not both"),
        (["--url", "http://x"], "--url needs --from with one of: "),
        (["--url", "http://[x", "--from", "grafana", "--service", "s"], "set the environment variable GRAFANA_TOKEN"),
        (["x.toy", "--from", "nothing"], "--from nothing is not a format; expected one of catalog, csv, datahub, "),
        (["x.toy", "--map", "title"], "--map 'title' is not COLUMN=FIELD, such as title=display_name"),
        (["x.toy", "--map", "a=b", "--map", "a=c"], "--map names the column 'a' twice"),
        (["x.toy", "--map", "a=b", "--service", "s"], "--map is for tables, and no source is one"),
        (["x.csv", "--map", "a=b=name"], "x.csv has no column 'a=b'. Its columns are 'toy'"),
        (["x.xlsx"], "x.xlsx is a workbook: save each sheet as CSV"),
        (["bad.json", "--from", "datahub"], "nothing can be loaded: bad.json"),
        (["empty", "--from", "catalog"], "empty contains none of service.json"),
        (["x.toy", "--service", ""], "--service is empty"),
        (["/dev/zero"], "/dev/zero is a device or a socket: give a file, or - for standard input"),
        (["loop"], "cannot read loop: Too many levels of symbolic links"),
        (["x.toy", "--from", "catalog"], "nothing can be loaded: x.toy:1 is not JSON"),
    ],
)
def test_wrong_use_is_one_line_before_anything_is_written(
    run: Run, small: SmallCatalog, working_folder: Path, arguments: list[str], text: str
) -> None:
    assert Path.cwd() == working_folder
    Path("empty").mkdir()
    with zipfile.ZipFile("x.xlsx", "w") as book:
        book.writestr("xl/workbook.xml", "<workbook/>")
    for name in ("x.toy", "x.csv", "bad.json"):
        Path(name).write_text("{}" if name == "bad.json" else "toy")
    Path("loop").symlink_to("loop")
    result = run("ingest", *arguments)
    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert line.startswith(f"Error: {text}")
    assert ("Expected {" in line, "another tool" in line) == ("catalog" in arguments and "x.toy" in arguments,) * 2
    assert small.streams == []


@pytest.mark.usefixtures("server")
def test_references_of_another_catalog_are_known_by_name(run: Run, tmp_path: Path) -> None:
    def reference(kind: str, name: str, **more: str) -> dict[str, Any]:
        added = {"displayName": name, "description": "", "href": "http://om/x", "deleted": False}
        return {"id": "067319fd-fa77-4b55-b481-f438489b0931", "type": kind, "name": name, **added, **more}

    config = {"entityTypes": ["user", "team"]}
    properties = [
        {"name": "one", "appliesTo": "dashboard", "propertyType": "entityReference", "config": config},
        {"name": "many", "appliesTo": "dashboard", "propertyType": "entityReferenceList", "config": config},
    ]
    team = {"name": "crew", "teamType": "Group", "parents": [reference("team", "all")]}
    tag = {"name": "High", "classification": reference("classification", "Level")}
    entities = [
        SERVICE,
        {"user": {"name": "jane.doe"}},
        {"team": {"name": "all", "teamType": "Department"}},
        {"team": team},
        {"domain": {"name": "sales"}},
        {"domain": {"name": "eu", "parent": reference("domain", "sales")}},
        {"classification": {"name": "Level"}},
        {"tag": tag},
        *({"customProperty": one} for one in properties),
        chart("a.b"),
    ]
    assert loaded(run, write_lines(tmp_path / "entities", *entities))["created"] == len(entities)
    body = {
        "id": "067319fd-fa77-4b55-b481-f438489b0931",
        "name": "d",
        "service": reference("dashboardService", "s"),
        "charts": [reference("chart", "a.b")],
        "owners": [reference("user", "jane.doe", fullyQualifiedName='"jane.doe"')],
        "domain": reference("domain", "eu", fullyQualifiedName="sales.eu"),
        "tags": [{"tagFQN": "Level.High", "name": "High", "labelType": "Manual", "source": "Classification"}],
        "extension": {
            "one": reference("team", "crew", fullyQualifiedName="crew"),
            "many": [reference("user", "jane.doe", fullyQualifiedName='"jane.doe"'), reference("team", "crew")],
        },
    }
    path = tmp_path / "page.json"
    path.write_text(json.dumps({"data": [body], "paging": {"total": 1}}, indent=1))
    assert loaded(run, path, "--strict")["created"] == 1
    found = json.loads(run("get", "s.d", "--json").stdout)
    assert [one["name"] for one in found["extension"]["many"]] == ["jane.doe", "crew"]
    assert [found["charts"][0]["name"], found["domains"][0]["name"]] == ["a.b", "eu"]
    unknown = body | {"name": "e", "owners": [{"id": body["id"], "type": "user"}], "charts": []}
    path.write_text(json.dumps(unknown))
    refused = run("ingest", path)
    assert f"dashboard.owners[0]: there is no user with the id {body['id']}" in refused.stdout
