"""Tables: which column fills which field, and what becomes of cells."""

from typing import Any

import pytest

from dashboard_catalog.sources.items.found import BadItem, Found, FoundItem
from dashboard_catalog.sources.items.messages import convert
from dashboard_catalog.sources.kinds import Kind
from dashboard_catalog.sources.problems import SourceError
from dashboard_catalog.sources.tools import FORMATS
from dashboard_catalog.sources.tools.tables.csv_tables import MAX_ROW, Tables
from dashboard_catalog.sources.wishes import Wishes
from tests.sources.memory_tree import MemoryTree

BI = Wishes(service="bi")


def found(content: str | bytes, wishes: Wishes = BI, name: str = "a.csv") -> list[Found]:
    tree = MemoryTree({name: content if isinstance(content, bytes) else content.encode()}, name)
    assert next(known for known in FORMATS if known.recognizes(tree)).name == "csv"
    return list(Tables().items(tree, wishes))


def bodies(content: str | bytes, wishes: Wishes = BI, name: str = "a.csv") -> list[Any]:
    items = found(content, wishes, name)
    assert [item for item in items if isinstance(item, BadItem) or convert(item.kind, item.body).problems] == []
    return [item.body for item in items]


def error(content: str | bytes, wishes: Wishes = BI) -> str:
    with pytest.raises(SourceError) as raised:
        found(content, wishes)
    return str(raised.value)


def test_columns_that_are_named_like_fields_fill_them() -> None:
    table = (
        "Name,Display Name,source-url,dashboardType,owners,TAGS,charts,Domain,extension.costCentre,extension.n,note\n"
        'a,"Ä ""b"", c",https://kim:x@bi.example.com/a,Report,ann; team:bakers;user:bob;,"T.a;T.""b.c""",'
        "c1;other.c2,food,4711-x,12,y\n"
        "b,,,,,,,,,,\n"
    )
    items = found(table)
    assert [item.body for item in items] == [
        {
            "name": "a",
            "displayName": 'Ä "b", c',
            "sourceUrl": "https://bi.example.com/a",
            "dashboardType": "Report",
            "owners": [
                {"type": "user", "name": "ann"},
                {"type": "team", "name": "bakers"},
                {"type": "user", "name": "bob"},
            ],
            "tags": [{"tagFQN": "T.a"}, {"tagFQN": 'T."b.c"'}],
            "charts": ["bi.c1", "other.c2"],
            "domain": "food",
            "extension": {"costCentre": "4711-x", "n": 12},
            "service": "bi",
        },
        {"name": "b", "service": "bi"},
    ]
    assert [item.kind for item in items] == [Kind.DASHBOARD] * 2
    assert [item.dropped for item in items if isinstance(item, FoundItem)] == [("column 'note'",), ()]


def test_with_a_mapping_only_its_columns_count() -> None:
    columns = {"Titel": "displayName", "Nr": "name", "KST": "extension.cost"}
    table = "Nr,Titel,description,KST,note\n1,Umsatz,x,5,y\n"
    [item] = found(table, Wishes(service="my.bi", kind=Kind.CHART, columns=columns))
    body = {"name": "1", "displayName": "Umsatz", "extension": {"cost": 5}, "service": '"my.bi"'}
    assert item == FoundItem("a.csv:2", Kind.CHART, body)


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("name;display_name\r\na;b,c\r\n", "a.csv"),
        ("name\tdisplay_name\na\tb,c\n", "a.tsv"),
        ("name\tdisplay_name\na\tb,c\n", "-"),
        ('\ufeff"name";"display_name"\n"a";"b,c"', "a.csv"),
        ("sep=;\r\nname;display_name\r\na;b,c\r\n", "a.csv"),
        ('name,display_name\ra,"b,c"\r', "a.csv"),
        ('name,display_name,,\n\n,,,\na,"b,c",,,,\n', "a.csv"),
    ],
)
def test_separators_line_ends_and_byte_order_marks_are_found_out(table: str, name: str) -> None:
    assert bodies(table, name=name) == [{"name": "a", "displayName": "b,c", "service": "bi"}]


def test_the_service_of_a_row_comes_first() -> None:
    assert bodies('name,service\na,My.BI\nb,\nc,"""q.r"""\n') == [
        {"name": "a", "service": '"My.BI"'},
        {"name": "b", "service": "bi"},
        {"name": "c", "service": '"q.r"'},
    ]


def test_entities_have_their_fields() -> None:
    assert bodies("name,email,is bot\nann,ann@example.com,TRUE\n", Wishes(kind=Kind.USER)) == [
        {"name": "ann", "email": "ann@example.com", "isBot": True}
    ]


def test_a_row_that_is_no_item_names_its_first_line() -> None:
    table = 'name,description,service\nb,"two\nlines",s\nc,d,e,f\n,x,s\nd,x,\n'
    assert [(item.place, item.problem) for item in found(table, Wishes()) if isinstance(item, BadItem)] == [
        ("a.csv:4", "has 4 cells, but the header has 3"),
        ("a.csv:5", "has no name"),
        ("a.csv:6", "has no service: give --service NAME for such rows"),
    ]


def test_a_cell_has_at_most_128_kib() -> None:
    assert len(bodies(f"name,x\na,{'x' * 131_072}\n")) == 1
    assert error(f"name,x\na,{'x' * 131_073}\n") == "a.csv:2 cannot be read: field larger than field limit (131072)"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", "a.csv has no header: its first line must have the names of its columns"),
        ("a,b\n", "a.csv has no column for name: say which it is with --map COLUMN=name. Its columns are 'a', 'b'"),
        ("name,Name\n", "a.csv has several columns for name: choose one with --map COLUMN=name"),
        ('name\na\n"b\nc\n', "a.csv:3 cannot be read: a quote is not closed"),
        ('name\n"a"b\n', "a.csv:2 cannot be read: ',' expected after '\"'"),
        (b"name\n\xe4\n", 'a.csv is not UTF-8, at line 1 or later: save it as UTF-8, in Excel as "CSV UTF-8"'),
        ("name\n".encode("utf-16"), 'a.csv is UTF-16 text: save it as UTF-8, in Excel as "CSV UTF-8"'),
        ("name\n" + "," * (MAX_ROW + 1), f"a.csv:2 has a row of more than {MAX_ROW:,} characters"),
        ("name\n" + '"\n",' * (MAX_ROW // 4 + 1), f"a.csv:2 has a row of more than {MAX_ROW:,} characters"),
    ],
)
def test_a_table_that_cannot_be_read_is_one_error(table: str | bytes, message: str) -> None:
    assert error(table) == message


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"x": "name"}, "a.csv has no column 'x'. Its columns are 'b', 'c', 'c'"),
        ({"c": "name"}, "a.csv has 2 columns 'c'. Its columns are 'b', 'c', 'c'"),
        ({"b": "display_name"}, "a.csv has no column for name: say which it is with --map COLUMN=name."),
        ({"b": "titel"}, "--map b=titel: unknown field; a dashboard has name, service, display_name, description,"),
    ],
)
def test_a_mapping_that_does_not_fit_is_an_error(columns: dict[str, str], message: str) -> None:
    assert error("b,c,c\n", Wishes(service="bi", columns=columns)).startswith(message)


def test_a_field_is_mapped_once() -> None:
    text = "a.csv has several columns for name: give only one --map COLUMN=name"
    assert error("b,c\n", Wishes(service="bi", columns={"b": "name", "c": "name"})) == text


def test_assets_need_a_service() -> None:
    assert error("name\na\n", Wishes()) == (
        "a.csv has no column for service: give --service NAME, or --map COLUMN=service"
    )
