"""The Java date patterns that OpenMetadata offers for custom properties, parsed strictly and written back.

Each pattern is translated once into a regular expression and a format string. Month names are English. This module must
not know what a custom property is.

Source: OpenMetadata's `CustomProperty.constants.ts`, which lists what its servers and its pages support.
"""

import re
from calendar import isleap
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

DATE_FORMATS = (
    "yyyy-MM-dd",
    "dd MMM yyyy",
    "MM/dd/yyyy",
    "dd/MM/yyyy",
    "dd-MM-yyyy",
    "yyyyDDD",
    "d MMMM yyyy",
)
DATE_TIME_FORMATS = (
    "MMM dd HH:mm:ss yyyy",
    "yyyy-MM-dd HH:mm:ss",
    "MM/dd/yyyy HH:mm:ss",
    "dd/MM/yyyy HH:mm:ss",
    "dd-MM-yyyy HH:mm:ss",
    "yyyy-MM-dd HH:mm:ss.SSS",
    "yyyy-MM-dd HH:mm:ss.SSSSSS",
    "dd MMMM yyyy HH:mm:ss",
)
TIME_FORMATS = ("HH:mm:ss",)

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_MONTH_NUMBERS = {name: number for number, month in enumerate(_MONTHS, 1) for name in (month, month[:3])}

# For each run of pattern letters: what it matches, and how it writes a `datetime` (position 0).
_SYMBOLS = {
    "yyyy": ("(?P<year>[0-9]{4})", "{0.year:04}"),
    "MMMM": (f"(?P<month_name>{'|'.join(_MONTHS)})", "{month_name}"),
    "MMM": (f"(?P<month_name>{'|'.join(month[:3] for month in _MONTHS)})", "{month_name:.3}"),
    "MM": ("(?P<month>[0-9]{2})", "{0.month:02}"),
    "dd": ("(?P<day>[0-9]{2})", "{0.day:02}"),
    "d": ("(?P<day>[0-9]{1,2})", "{0.day}"),
    "DDD": ("(?P<day_of_year>[0-9]{3})", "{day_of_year:03}"),
    "HH": ("(?P<hour>[0-9]{2})", "{0.hour:02}"),
    "mm": ("(?P<minute>[0-9]{2})", "{0.minute:02}"),
    "ss": ("(?P<second>[0-9]{2})", "{0.second:02}"),
    "SSS": ("(?P<fraction>[0-9]{3})", "{millisecond:03}"),
    "SSSSSS": ("(?P<fraction>[0-9]{6})", "{0.microsecond:06}"),
}
_PIECES = re.compile(r"([A-Za-z])\1*|[^A-Za-z]+")
# Patterns have no time zones, so all moments are in UTC.
_START = datetime(2000, 1, 1, tzinfo=UTC)
_EXAMPLE = datetime(2026, 7, 28, 14, 30, 15, 250_000, tzinfo=UTC)


class DatePattern:
    """One Java date pattern, ready to use.

    Args:
        pattern: Made of the letters that the offered patterns use, and of separators.

    Attributes:
        example: A moment written in the pattern.
        rewrites: Whether `canonical` can change an accepted text.

    Raises:
        KeyError: The pattern has letters that none of the offered patterns has.
    """

    __slots__ = ("_regex", "_template", "example", "rewrites")

    def __init__(self, pattern: str) -> None:
        pieces = [match.group() for match in _PIECES.finditer(pattern)]
        symbols = [_SYMBOLS[piece] if piece[0].isalpha() else (re.escape(piece), piece) for piece in pieces]
        self._regex = re.compile("".join(regex for regex, _ in symbols))
        self._template = "".join(template for _, template in symbols)
        self.example = self.format(_EXAMPLE)
        self.rewrites = "d" in pieces

    def parse(self, text: str) -> datetime | None:
        """Returns the moment that `text` names, None where it does not fit or there is no such moment.

        What the pattern leaves out is filled from 2000-01-01T00:00:00Z. Java moves 30 February to the end of
        the month; here it is refused.
        """
        match = self._regex.fullmatch(text)
        if match is None:
            return None
        parts = match.groupdict()
        month_name = parts.pop("month_name", None)
        day_of_year = parts.pop("day_of_year", None)
        fraction = parts.pop("fraction", None)
        numbers = {name: int(digits) for name, digits in parts.items()}
        if month_name is not None:
            numbers["month"] = _MONTH_NUMBERS[month_name]
        if fraction is not None:
            numbers["microsecond"] = int(fraction.ljust(6, "0"))
        try:
            moment = _START.replace(**numbers)  # type: ignore[arg-type]
        except ValueError:
            return None
        return moment if day_of_year is None else _on_day(moment, int(day_of_year))

    def format(self, moment: datetime) -> str:
        """Returns `moment` written in the pattern."""
        return self._template.format(
            moment,
            month_name=_MONTHS[moment.month - 1],
            day_of_year=moment.timetuple().tm_yday,
            millisecond=moment.microsecond // 1000,
        )

    def accepts(self, text: str) -> bool:
        """Tells whether `text` names a moment in the pattern."""
        return self.parse(text) is not None

    def canonical(self, text: str) -> str:
        """Returns an accepted `text` as the pattern writes it: `05 July 2026` becomes `5 July 2026`."""
        moment = self.parse(text)
        return text if moment is None else self.format(moment)


def _on_day(moment: datetime, day_of_year: int) -> datetime | None:
    if 1 <= day_of_year <= 365 + isleap(moment.year):
        return moment + timedelta(days=day_of_year - 1)
    return None


PATTERNS: Mapping[str, DatePattern] = MappingProxyType(
    {pattern: DatePattern(pattern) for pattern in (*DATE_FORMATS, *DATE_TIME_FORMATS, *TIME_FORMATS)}
)
