"""The difference of two texts, by lines as git shows it, with the words that differ marked in lines that were changed.

Pure: knows texts and styles, neither messages nor terminals.
"""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

CONTEXT_LINES = 3
_CONTEXT_WORDS = 12
# Comparing takes time by the square of what there is to compare.
_MOST_WORDS = 1_000
_MOST_LINES = 5_000
_MOST_PAIRS = 100
_WORDS = re.compile(r"\s*\w+|\s*[^\w\s]|\s+")


class Piece(NamedTuple):
    """A part of a line.

    Attributes:
        text: The part.
        differs: Whether the other text does not have it, in a line that it has otherwise.
    """

    text: str
    differs: bool


class Line(NamedTuple):
    """A line of a difference.

    Attributes:
        sign: `+` for a line of the new text, `-` for one of the old text, a blank for one of both, and `@` in place of
            lines of both that are left out.
        pieces: The line.
    """

    sign: str
    pieces: tuple[Piece, ...]


def diff_of(old: str, new: str, *, shortens: bool) -> Iterator[Line]:
    """Yields the lines that differ, with a few lines around them.

    Args:
        old: The old text.
        new: The new text.
        shortens: Whether to leave out most of what is the same within a long line.
    """
    before, after = old.splitlines(), new.splitlines()
    if max(len(before), len(after)) > _MOST_LINES:
        yield from _replaced(before, after, shortens=shortens)
        return
    groups = list(SequenceMatcher(None, before, after).get_grouped_opcodes(CONTEXT_LINES))
    end = 0
    for group in groups:
        if group[0][1] > end:
            yield Line("@", ())
        for tag, old_start, old_end, new_start, new_end in group:
            if tag == "equal":
                yield from (_line(" ", line) for line in before[old_start:old_end])
            else:
                yield from _replaced(before[old_start:old_end], after[new_start:new_end], shortens=shortens)
        end = group[-1][2]
    if groups and end < len(before):
        yield Line("@", ())


def _replaced(old: Sequence[str], new: Sequence[str], *, shortens: bool) -> Iterator[Line]:
    several = min(len(old), len(new), _MOST_PAIRS)
    pairs = [_pieces(old[at], new[at], shortens=shortens) for at in range(several)]
    yield from (Line("-", before) for before, _ in pairs)
    yield from (_line("-", line) for line in old[several:])
    yield from (Line("+", after) for _, after in pairs)
    yield from (_line("+", line) for line in new[several:])


def _line(sign: str, text: str) -> Line:
    return Line(sign, (Piece(text, differs=False),))


def _pieces(old: str, new: str, *, shortens: bool) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Returns two lines in pieces."""
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    whole = (Piece(old, differs=False),), (Piece(new, differs=False),)
    if max(len(before), len(after)) > _MOST_WORDS:
        return whole
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    if matcher.ratio() < 0.5:
        # Two lines that have little in common would be marked all over.
        return whole
    opcodes = matcher.get_opcodes()
    last = len(opcodes) - 1
    pieces: tuple[list[Piece], list[Piece]] = [], []
    for at, (tag, old_start, old_end, new_start, new_end) in enumerate(opcodes):
        if tag == "equal":
            same = before[old_start:old_end]
            text = _shortened(same, at == 0, at == last) if shortens else "".join(same)
            pieces[0].append(Piece(text, differs=False))
            pieces[1].append(Piece(text, differs=False))
        else:
            pieces[0].append(Piece("".join(before[old_start:old_end]), differs=True))
            pieces[1].append(Piece("".join(after[new_start:new_end]), differs=True))
    return tuple(filter(_has_text, pieces[0])), tuple(filter(_has_text, pieces[1]))


def _shortened(words: Sequence[str], is_first: bool, is_last: bool) -> str:
    """Returns words that both lines have, as far as they are near to what differs."""
    begin, end = (0 if is_first else _CONTEXT_WORDS), (0 if is_last else _CONTEXT_WORDS)
    if len(words) <= begin + end + _CONTEXT_WORDS:
        return "".join(words)
    return "".join([*words[:begin], "…", *words[len(words) - end :]])


def _has_text(piece: Piece) -> bool:
    return bool(piece.text)
