"""How changes are rendered: as values first, then as lines for a width."""

from google.protobuf import json_format

from dashboard_catalog.cli.versions.field_changes import entity_changes, field_changes
from dashboard_catalog.cli.versions.rendering import Layout, change_lines
from dashboard_catalog.cli.versions.text_diff import diff_of
from dashboardcatalog.v1 import asset_pb2, entity_pb2

PIPE = Layout(width=None)
LABEL = {"tagFQN": "PII.Email", "source": "Classification", "labelType": "Manual", "state": "Confirmed"}


def description(**parts: list[dict[str, object]]) -> asset_pb2.ChangeDescription:
    return json_format.ParseDict(parts, asset_pb2.ChangeDescription())


def rendered(described: asset_pb2.ChangeDescription, layout: Layout = PIPE) -> list[str]:
    return [line.plain for line in change_lines(field_changes(described), layout)]


def changed(old: object, new: object, name: str = "description") -> asset_pb2.ChangeDescription:
    return description(fieldsUpdated=[{"name": name, "oldValue": old, "newValue": new}])


def signs(old: str, new: str) -> list[str]:
    lines = diff_of(old, new, shortens=False)
    return [line.sign + "".join(piece.text for piece in line.pieces) for line in lines]


def test_every_kind_of_change_is_rendered_in_the_order_of_the_contract() -> None:
    lines = rendered(
        description(
            fieldsAdded=[
                {"name": "project", "newValue": "Growth"},
                {"name": "owners", "newValue": ["amira", {"type": "user", "hidden": True}]},
                {"name": "extension", "newValue": [{"cost": 3}, {"refresh": ["daily"]}]},
                {"name": "tags", "newValue": [LABEL | {"labelType": "Automated", "state": "Suggested"}]},
            ],
            fieldsUpdated=[
                {"name": "displayName", "oldValue": "Customers", "newValue": "All customers"},
                {"name": "extension.team", "oldValue": True, "newValue": 1.5},
                {"name": "charts", "oldValue": ["s.a", "s.b", "s.c"], "newValue": ["s.b", "s.c", "s.a"]},
            ],
            fieldsDeleted=[
                {"name": "owners", "oldValue": ["revenue"]},
                {"name": "tags", "oldValue": [LABEL]},
                {"name": "sourceUrl", "oldValue": "https://bi.example.com/7"},
            ],
        )
    )
    assert lines == [
        "display name  Customers -> All customers",
        "source url  https://bi.example.com/7 -> (none)",
        "project  (none) -> Growth",
        "charts (order)",
        "- s.a",
        "  s.b",
        "  s.c",
        "+ s.a",
        "owners",
        "- revenue",
        "+ amira",
        "+ a user that you may not view",
        "tags",
        "- PII.Email",
        "+ PII.Email, automated, suggested",
        "extension.cost  (none) -> 3",
        'extension.refresh  (none) -> ["daily"]',
        "extension.team  yes -> 1.5",
    ]


def test_deletions_and_values_that_were_left_out_are_said() -> None:
    assert rendered(changed(False, True, "deleted")) == ["deleted"]
    assert rendered(changed(True, False, "deleted")) == ["restored"]
    assert rendered(description(fieldsUpdated=[{"name": "description"}], fieldsAdded=[{"name": "charts"}])) == [
        "description  changed",
        "charts  changed",
    ]


def test_lines_that_differ_have_some_around_them() -> None:
    old = "\n".join(map(str, range(20)))
    new = old.replace("\n10\n", "\nten\n").replace("\n11\n", "\n11\nnew\n")
    assert signs(old, new) == ["@", " 7", " 8", " 9", "-10", "+ten", " 11", "+new", " 12", " 13", " 14", "@"]
    assert signs("", "a\n\nb") == ["+a", "+", "+b"]
    assert signs("a", "a") == []


def test_words_that_differ_are_marked_in_lines_that_were_changed() -> None:
    old, new = diff_of("Who comes, who stays, who leaves.", "Who comes, who stays, and who never came.", shortens=True)
    assert [piece.text for piece in old.pieces if piece.differs] == [" leaves"]
    assert [piece.text for piece in new.pieces if piece.differs] == [" and", " never came"]
    # Nothing in common: no marks.
    old, new = diff_of("Revenue by region", "All that we know of churn", shortens=True)
    assert not any(piece.differs for line in (old, new) for piece in line.pieces)


def test_a_long_line_is_shortened_to_what_differs_and_wrapped_on_a_terminal() -> None:
    words = " ".join(f"word{number}" for number in range(500))
    lines = rendered(changed(words, words.replace("word250 ", "other ")), Layout(width=60, indent=4))
    assert lines[0] == "    description"
    assert len(lines) < 12
    assert max(map(len, lines)) <= 60
    assert all(line.startswith(("    - ", "    + ")) for line in lines[1:])
    assert "word250" in "".join(lines)
    assert "word100 " not in "".join(lines)
    piped = rendered(changed(words, words.replace("word250 ", "other ")))
    assert piped[1] == f"- {words}"
    assert len(piped) == 3


def test_long_lists_are_cut_if_asked() -> None:
    added = description(fieldsAdded=[{"name": "charts", "newValue": [f"s.{number}" for number in range(2_000)]}])
    assert rendered(added, Layout(None, most=10))[-2:] == ["+ s.9", "  ... and 1,990 more lines"]
    assert len(rendered(added)) == 2_001
    eleven = description(fieldsAdded=[{"name": "charts", "newValue": [f"s.{number}" for number in range(11)]}])
    assert rendered(eleven, Layout(None, most=10))[-1] == "+ s.10"


def test_a_value_that_does_not_fit_has_lines_of_its_own() -> None:
    described = changed("https://a.example.com/" + "x" * 40, "https://b.example.com", "sourceUrl")
    assert len(rendered(described, Layout(width=100))) == 1
    assert rendered(described, Layout(width=60))[0] == "source url"


def test_control_characters_are_spelled_out() -> None:
    assert rendered(changed("a", "\x1b[31mred", "displayName")) == [r"display name  a -> \x1b[31mred"]
    assert rendered(changed("a", "\x1b[31mred"))[-1] == r"+ \x1b[31mred"


def test_what_would_take_long_to_compare_is_replaced_as_a_whole() -> None:
    old = [str(number) for number in range(6_000)]
    new = [text if number % 2 else f"x{text}" for number, text in enumerate(old)]
    assert len(list(diff_of("\n".join(old), "\n".join(new), shortens=True))) == 12_000
    lines = diff_of(" ".join(old), " ".join(new), shortens=True)
    assert [len(line.pieces) for line in lines] == [1, 1]


def test_states_of_entities_are_compared() -> None:
    old = entity_pb2.Team(name="t", display_name="T", parents=["a", "b"], updated_by="x")
    new = entity_pb2.Team(name="t", team_type="Group", parents=["b", "c"], updated_by="y")
    assert [line.plain for line in change_lines(entity_changes(old, new), PIPE)] == [
        "display name  T -> (none)",
        "team type  (none) -> Group",
        "parents",
        "- a",
        "+ c",
    ]
