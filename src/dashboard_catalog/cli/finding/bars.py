"""Draws counts as bars beside each other's labels. Pure: from numbers to styled lines for a width."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.text import Text

_BLOCKS = " ▏▎▍▌▋▊▉█"
_GAP = "  "
_LONGEST_BAR = 40
_SHORTEST_BAR = 5
_LEAST_LABEL = 10


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.

    Attributes:
        label: What it counts.
        count: The number.
        remark: Text behind the number.
        style: Style of the bar.
    """

    label: str
    count: int
    remark: str = ""
    style: str = "cyan"


def bar_lines(bars: Iterable[Bar], whole: int, width: int, *, blocks: bool) -> Iterator[Text]:
    """Yields one line per bar.

    Args:
        bars: The bars.
        whole: The count of a bar of full length.
        width: Number of columns that the lines may have.
        blocks: Whether to draw with blocks of eighths; otherwise with `#`.
    """
    all_bars = list(bars)
    if not all_bars:
        return
    numbers = [f"{one.count:,}" for one in all_bars]
    remarks = max(len(one.remark) for one in all_bars)
    number_width = max(map(len, numbers))
    behind = number_width + len(_GAP) + (remarks + len(_GAP) if remarks else 0)
    room = max(width - behind - len(_GAP), _LEAST_LABEL + _SHORTEST_BAR)
    label_width = min(max(cell_len(one.label) for one in all_bars), max(room - _LONGEST_BAR, room // 2, _LEAST_LABEL))
    bar_width = min(_LONGEST_BAR, room - label_width)
    for one, number in zip(all_bars, numbers, strict=True):
        bar = _bar(one.count, whole, bar_width, blocks=blocks)
        yield Text.assemble(
            _label(one.label, label_width),
            _GAP,
            (bar.ljust(bar_width), one.style),
            _GAP,
            number.rjust(number_width),
            f"{_GAP}{one.remark.rjust(remarks)}" if remarks else "",
        )


def _bar(count: int, whole: int, width: int, *, blocks: bool) -> str:
    if not count or not whole:
        return ""
    if not blocks:
        return "#" * max(1, round(width * count / whole))
    # What is not nothing is seen.
    full, rest = divmod(max(1, round(width * 8 * count / whole)), 8)
    return _BLOCKS[8] * full + (_BLOCKS[rest] if rest else "")


def _label(label: str, width: int) -> str:
    return set_cell_size(label, width) if cell_len(label) <= width else set_cell_size(label, width - 1) + "…"
