from datetime import MAXYEAR, UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard_catalog.catalog.properties.date_patterns import (
    DATE_FORMATS,
    DATE_TIME_FORMATS,
    PATTERNS,
    TIME_FORMATS,
    DatePattern,
)

patterns = st.sampled_from(sorted(PATTERNS))


@given(patterns, st.datetimes(timezones=st.just(UTC)))
def test_a_formatted_moment_is_parsed_and_formatted_the_same_again(pattern: str, moment: datetime) -> None:
    text = PATTERNS[pattern].format(moment)
    read = PATTERNS[pattern].parse(text)
    assert read is not None
    assert PATTERNS[pattern].format(read) == text
    if pattern in DATE_FORMATS:
        assert read.date() == moment.date()
    if pattern in TIME_FORMATS:
        assert read.time() == moment.time().replace(microsecond=0)
    if pattern in DATE_TIME_FORMATS:
        assert read.replace(microsecond=0) == moment.replace(microsecond=0)


@given(patterns, st.text() | st.from_regex(r"\A[0-9]{2,4}[-/ ]?[0-9A-Z]{2,3}[-/ ]?[0-9]{0,4}\Z"))
def test_any_other_text_is_refused_or_has_one_canonical_form(pattern: str, text: str) -> None:
    reader = PATTERNS[pattern]
    written = reader.canonical(text)
    assert reader.canonical(written) == written
    if not (reader.accepts(text) and reader.rewrites):
        assert written == text


@pytest.mark.parametrize(
    ("pattern", "text", "moment"),
    [
        ("yyyy-MM-dd", "2026-07-28", "2026-07-28T00:00:00"),
        ("yyyy-MM-dd", "2024-02-29", "2024-02-29T00:00:00"),
        ("yyyy-MM-dd", "0001-01-01", "0001-01-01T00:00:00"),
        ("dd MMM yyyy", "05 Sep 2026", "2026-09-05T00:00:00"),
        ("MM/dd/yyyy", "07/28/2026", "2026-07-28T00:00:00"),
        ("dd/MM/yyyy", "28/07/2026", "2026-07-28T00:00:00"),
        ("dd-MM-yyyy", "28-07-2026", "2026-07-28T00:00:00"),
        ("yyyyDDD", "2026001", "2026-01-01T00:00:00"),
        ("yyyyDDD", "2024366", "2024-12-31T00:00:00"),
        ("d MMMM yyyy", "5 July 2026", "2026-07-05T00:00:00"),
        ("MMM dd HH:mm:ss yyyy", "May 01 00:00:59 2026", "2026-05-01T00:00:59"),
        ("yyyy-MM-dd HH:mm:ss.SSS", "2026-07-28 23:59:59.007", "2026-07-28T23:59:59.007000"),
        ("yyyy-MM-dd HH:mm:ss.SSSSSS", "2026-07-28 23:59:59.000007", "2026-07-28T23:59:59.000007"),
        ("dd MMMM yyyy HH:mm:ss", "05 December 2026 01:02:03", "2026-12-05T01:02:03"),
        ("HH:mm:ss", "14:30:15", "2000-01-01T14:30:15"),
    ],
)
def test_it_parses_what_java_parses(pattern: str, text: str, moment: str) -> None:
    assert PATTERNS[pattern].parse(text) == datetime.fromisoformat(moment + "Z")


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("yyyy-MM-dd", "2026-02-30"),
        ("yyyy-MM-dd", "2025-02-29"),
        ("yyyy-MM-dd", "2026-04-31"),
        ("yyyy-MM-dd", "2026-13-01"),
        ("yyyy-MM-dd", "2026-00-10"),
        ("yyyy-MM-dd", "2026-01-00"),
        ("yyyy-MM-dd", "0000-01-01"),
        ("yyyy-MM-dd", "26-01-01"),
        ("yyyy-MM-dd", "2026-1-1"),
        ("yyyy-MM-dd", " 2026-01-01"),
        ("yyyy-MM-dd", "2026-01-01\n"),
        ("yyyy-MM-dd", "٢٠٢٦-01-01"),
        ("yyyy-MM-dd", "2026-01-01T00:00:00Z"),
        ("yyyy-MM-dd", ""),
        ("dd MMM yyyy", "05 JUL 2026"),
        ("dd MMM yyyy", "05 July 2026"),
        ("d MMMM yyyy", "5 Jul 2026"),
        ("d MMMM yyyy", "005 July 2026"),
        ("MM/dd/yyyy", "28/07/2026"),
        ("yyyyDDD", "2026000"),
        ("yyyyDDD", "2026366"),
        ("yyyyDDD", f"{MAXYEAR}366"),
        ("yyyyDDD", "2026999"),
        ("yyyy-MM-dd HH:mm:ss", "2026-01-01 24:00:00"),
        ("yyyy-MM-dd HH:mm:ss", "2026-01-01 23:60:00"),
        ("yyyy-MM-dd HH:mm:ss", "2026-01-01 23:59:60"),
        ("yyyy-MM-dd HH:mm:ss.SSS", "2026-01-01 00:00:00.1"),
        ("yyyy-MM-dd HH:mm:ss.SSS", "2026-01-01 00:00:00x123"),
        ("HH:mm:ss", "1:02:03"),
    ],
)
def test_it_refuses_texts_that_do_not_fit_and_dates_that_do_not_exist(pattern: str, text: str) -> None:
    assert PATTERNS[pattern].parse(text) is None
    assert not PATTERNS[pattern].accepts(text)


def test_a_day_without_padding_accepts_padding() -> None:
    assert PATTERNS["d MMMM yyyy"].canonical("05 July 2026") == "5 July 2026"


def test_only_letters_of_the_offered_patterns_are_supported() -> None:
    with pytest.raises(KeyError):
        DatePattern("yyyy-MM-dd'T'HH:mm")
