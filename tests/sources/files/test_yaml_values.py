"""Reads YAML that tools write, and refuses in one line what could do harm."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard_catalog.sources.files import yaml_values
from dashboard_catalog.sources.files.yaml_values import YamlError, value_of

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(-1e9, 1e9) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=30)
@given(_JSON)
def test_reads_what_a_tool_writes(value: Any) -> None:
    assert value_of(yaml.dump(value, Dumper=_NoAliases, allow_unicode=True).encode()) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("\ufeffa: 1", {"a": 1}),
        ("day: 2026-01-31\nno: .nan\n<<: {b: yes}", {"day": "2026-01-31", "no": ".nan", "<<": {"b": True}}),
        ("1: a\nnull: b", {"1": "a", "null": "b"}),
        ("[" * 50 + "]" * 50, json.loads("[" * 50 + "]" * 50)),
    ],
)
def test_has_only_values_of_json(text: str, value: object) -> None:
    assert value_of(text.encode()) == value


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"a: &x [1]\nb: *x", "anchors (&) are not allowed at line 1, column 4"),
        (b"b: *x", "aliases (*) are not allowed at line 1, column 4"),
        (b"&x a: 1", "anchors (&) are not allowed at line 1, column 1"),
        (b"a:\n  !!python/object/apply:os.system [ls]", "tags (!) are not allowed at line 2, column 3"),
        (b"a: 1\nb: 2\na: 3", "the key 'a' is there twice at line 3, column 1"),
        (b"? [a]\n: 1", "a key is not text at line 1, column 3"),
        (b"[" * 1000, "it is nested more than 50 deep at line 1, column 51"),
        (b"a\n---\nb", "there is a second document at line 2, column 1"),
        (b"a: " + b"9" * 100, "a number has more than 64 characters at line 1, column 4"),
        (b"a: 0x_", "0x_ is not a number at line 1, column 4"),
        (b"a: 'b", "found unexpected end of stream at line 1, column 6"),
        (b"a: \0", "control characters are not allowed"),
        (b"a: \xff", "byte 4 is not UTF-8"),
    ],
)
def test_refuses_the_rest_in_one_line(content: bytes, error: str) -> None:
    with pytest.raises(YamlError) as refused:
        value_of(content)
    assert str(refused.value) == error


def test_refuses_a_large_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_values, "MAX_BYTES", 3)
    assert value_of(b"a: ") == {"a": None}
    with pytest.raises(YamlError, match=r"^it has more than 3 bytes$"):
        value_of(b"a: 1")


class _NoAliases(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True
