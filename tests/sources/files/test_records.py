"""Reads JSON, NDJSON, a folder and standard input; a line that does not parse does not stop the others."""

import io
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard_catalog.sources.files.paths import received, sources_at
from dashboard_catalog.sources.files.records import Document, Lines, Record, Source
from dashboard_catalog.sources.problems import SourceError


def sources_in(path: str, scratch: Path) -> list[Source]:
    return sources_at(*received(path, scratch))


def read(path: Path, text: str | bytes) -> list[Record]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    [source] = sources_in(str(path), path.parent)
    return list(source.records())


@pytest.mark.parametrize("name", ["a.ndjson", "a.jsonl", "a.json", "a"])
def test_each_line_is_a_value(tmp_path: Path, name: str) -> None:
    assert read(tmp_path / name, '{"a": 1}\n\n  \n[2]\r\n3') == [
        Record(f"{name}:1", {"a": 1}),
        Record(f"{name}:4", [2]),
        Record(f"{name}:5", 3),
    ]


@pytest.mark.parametrize(
    "text",
    ['[\n{"a": 1}\n]', '{\n"a":\n1}', '\n{"a": 1,\n"b": 2}', '[{"a": 1},\n{"b": 2}]', '{"a": 1\n}'],
)
def test_a_document_may_have_several_lines(tmp_path: Path, text: str) -> None:
    assert read(tmp_path / "a.json", text) == [Record("a.json", json.loads(text))]


def test_several_documents_may_follow_one_another(tmp_path: Path) -> None:
    records = read(tmp_path / "a", '{\n"a": 1\n}\n{\n"b": 2\n}\n')
    assert records == [Record("a, value 1", {"a": 1}), Record("a, value 2", {"b": 2})]


@pytest.mark.parametrize("name", ["a", "a.json", "a.ndjson"])
def test_several_values_may_be_on_one_line(tmp_path: Path, name: str) -> None:
    assert read(tmp_path / name, '{"a": 1}{"b": 2}\n{"c": 3}') == [
        Record(f"{name}:1, value 1", {"a": 1}),
        Record(f"{name}:1, value 2", {"b": 2}),
        Record(f"{name}:2", {"c": 3}),
    ]


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.yaml", "name: x\n", "is YAML: .* export of Superset; convert other YAML to JSON"),
        ("a.xlsx", b"PK\x03\x04", "is a workbook: save each sheet as CSV"),
        ("a.xls", b"\xd0\xcf\x11\xe0\0", "is a workbook: save each sheet as CSV"),
        ("a", "---\n- x\n", "is YAML"),
        ("a.csv", "name\nx\n", "is CSV: add --from csv"),
        ("a.txt", 'name,"a, b";service\n'.replace(";", ","), "is CSV"),
        ("a.json", "name\tservice\n", "is CSV"),
        ("a.ndjson", b"\x1f\x8b\x08", r"is compressed: .* gunzip -c FILE \| dashboard-catalog ingest -"),
        ("a.json", b"PK\x03\x04", "is a ZIP archive"),
        ("a.json", '{"a": 1}'.encode("utf-16"), "is UTF-16 text: save it as UTF-8"),
        ("a", b"\x7fELF\0", "is not text"),
        ("a.json", "<!DOCTYPE html>", "is HTML or XML"),
    ],
)
def test_another_format_is_named_with_what_to_do(tmp_path: Path, name: str, content: str | bytes, text: str) -> None:
    with pytest.raises(SourceError, match=f"^{name} {text}"):
        read(tmp_path / name, content)


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    assert read(tmp_path / "a.json", b"\xef\xbb\xbf[\n1]") == [Record("a.json", [1])]
    assert read(tmp_path / "b.ndjson", b'\xef\xbb\xbf{"a": 1}') == [Record("b.ndjson:1", {"a": 1})]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"nonsense", "is not JSON: Expecting value at column 1"),
        (b'{"a": 1} trailing', "is not JSON: Expecting value at column 10"),
        (b'{"a": 1},', "is not JSON: Expecting value at column 9"),
        (b'{"a":', "is not JSON: the value does not end on this line"),
        (b'{"a": \xff}', "is not JSON: byte 7 is not UTF-8"),
        (b'{"a": NaN}', "is not JSON: NaN is not a number"),
        (b'{"a": ' + b"[" * 100_000, "is not JSON: it is nested too deeply"),
    ],
)
def test_a_line_that_is_not_json_is_a_record_with_a_problem(tmp_path: Path, line: bytes, problem: str) -> None:
    records = read(tmp_path / "a.ndjson", b'{"a": 1}\n' + line + b'\n{"b": 2}\n')
    assert records == [
        Record("a.ndjson:1", {"a": 1}),
        Record("a.ndjson:2", problem=problem),
        Record("a.ndjson:3", {"b": 2}),
    ]


def test_a_broken_first_line_does_not_make_the_file_a_document(tmp_path: Path) -> None:
    first, second = read(tmp_path / "a", 'x{"a": 1}\n{"b": 2}\n')
    assert first.problem is not None
    assert second.value == {"b": 2}


def test_a_document_that_does_not_parse_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"a\.json is not JSON: .* at line 3, column 1"):
        read(tmp_path / "a.json", '[\n{"a": 1}\nx]')


def test_an_empty_file_has_no_records(tmp_path: Path) -> None:
    assert read(tmp_path / "a.json", "") == []


def test_a_folder_is_read_in_the_order_of_loading(tmp_path: Path) -> None:
    for name in ("dashboards.ndjson", "service.json", "notes.txt", "charts.ndjson", "entities.ndjson"):
        (tmp_path / name).write_text("{}")
    sources = sources_in(str(tmp_path), tmp_path)
    assert [(source.name, source.holding) for source in sources] == [
        ("service.json", "service"),
        ("entities.ndjson", "entity"),
        ("charts.ndjson", "chart"),
        ("dashboards.ndjson", "dashboard"),
    ]


def test_a_folder_without_any_of_the_files_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError, match=r"none of service\.json, .*dashboards\.ndjson, and nothing in a known format of"
    ):
        sources_in(str(tmp_path), tmp_path)
    (tmp_path / "a.json").touch()
    with pytest.raises(SourceError, match=r"give the paths of files, such as .*/a\.json, to load those"):
        sources_in(str(tmp_path), tmp_path)


def test_a_missing_file_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"cannot read .*/nothing: No such file"):
        sources_in(str(tmp_path / "nothing"), tmp_path)


def test_standard_input_can_be_read_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"a": 1}\n{"b": 2}')))
    [source] = sources_in("-", tmp_path)
    assert isinstance(source, Lines)
    assert list(source.records()) == list(source.records())
    assert [record.place for record in source.records()] == ["-:1", "-:2"]


def test_closed_standard_input_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(SourceError, match="standard input is closed"):
        sources_in("-", tmp_path)


def test_a_name_that_is_not_utf_8_is_shown_all_the_same(tmp_path: Path) -> None:
    assert read(tmp_path / os.fsdecode(b"\xff.ndjson"), "{}") == [Record("\ufffd.ndjson:1", {})]


def test_lines_are_read_one_by_one(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_text('{"a": 1}\n' * 10_000)
    [source] = sources_in(str(tmp_path / "a.ndjson"), tmp_path)
    records = source.records()
    assert next(records).place == "a.ndjson:1"
    (tmp_path / "a.ndjson").write_text("")
    assert len(list(records)) < 9_999


@given(st.lists(st.dictionaries(st.text(max_size=3), st.integers() | st.text() | st.none()), min_size=1))
def test_any_values_are_the_same_in_either_format(
    tmp_path_factory: pytest.TempPathFactory, values: list[object]
) -> None:
    folder = tmp_path_factory.mktemp("values")
    (folder / "lines").write_text("\n".join(map(json.dumps, values)))
    (folder / "document.json").write_text(json.dumps(values, indent=1))
    [lines] = sources_in(str(folder / "lines"), folder)
    [document] = sources_in(str(folder / "document.json"), folder)
    assert [record.value for record in lines.records()] == values
    assert isinstance(document, Document)
    assert document.values == (values,)
