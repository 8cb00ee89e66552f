"""How text is split into words, and which words are the same.

Documents and queries are split alike, so that both find each other. A word ends where the case changes, at digits and
at everything that is neither letter nor digit. Han, kana, hangul and symbols such as emoji are words by character.
Words are the same if they differ only in case, accents or width.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple
from unicodedata import category, combining, normalize

MAX_WORD = 128
"""Length of the part of a word that counts, in code points."""

GAP = "|"
"""Stands between the words of a text and their joined forms, so that no phrase spans them. No word contains it."""


class Word(NamedTuple):
    """A word of a text.

    Attributes:
        text: The folded word.
        start: Where the word begins in the text, in code points.
        end: Where it ends, exclusive.
    """

    text: str
    start: int
    end: int


def fold(text: str) -> str:
    """Returns a text in the form that it shares with texts that differ only in case, accents or width."""
    if text.isascii():
        return text.lower()
    # Folding the case may bring forth what can be decomposed, and the other way round.
    text = normalize("NFKD", normalize("NFKD", text).casefold()).casefold()
    return normalize("NFC", text.translate(_PLAINER))


def words(text: str) -> list[Word]:
    """Returns the words of a text, in their order."""
    return [word for run in runs(text) for word in run]


def runs(text: str) -> Iterator[list[Word]]:
    """Yields the words of a text, together those that only their case separates."""
    pattern, classes = (_ASCII_WORD, text) if text.isascii() else (_WORD, text.translate(_CLASSES))
    run: list[Word] = []
    of_letters = False
    for found in pattern.finditer(classes):
        start, end = found.span()
        # Some letters fold into several words, which no tokenizer would keep together.
        folded = "".join(fold(text[start:end]).split())[:MAX_WORD]
        if not folded:
            continue
        is_letters = found.lastgroup == "letters"
        if run and not (of_letters and is_letters and run[-1].end == start):
            yield run
            run = []
        run.append(Word(folded, start, end))
        of_letters = is_letters
    if run:
        yield run


def joined(run: list[Word]) -> Word | None:
    """Returns words that only their case separates as one word; None for a single word."""
    if len(run) == 1:
        return None
    return Word("".join(word.text for word in run)[:MAX_WORD], run[0].start, run[-1].end)


def is_character(word: str) -> bool:
    """Says whether a word is one character of a text that is split by character, or a symbol."""
    return _CLASSES[ord(word[0])] == "C"


def indexed(text: str) -> str:
    """Returns the words of a text with blanks between them, then, behind a gap, their joined forms."""
    if text.isascii() and not _LONG.search(text):
        # The same in a fifth of the time, which counts: every text that is indexed comes here.
        terms = _ASCII_TERM.findall(text)
        forms = _ASCII_JOINED.findall(text)
        return " ".join([*terms, GAP, *forms] if forms else terms).lower()
    found = list(runs(text))
    terms = [word.text for run in found for word in run]
    forms = [form.text for run in found if (form := joined(run))]
    return " ".join([*terms, GAP, *forms] if forms else terms)


def names_of(text: str) -> list[str]:
    """Returns what a query must be to name a thing: its folded name as it is written, and as words."""
    written = " ".join(fold(text).split())
    plain = " ".join(word.text for word in words(text))
    return [written, plain] if plain and plain != written else [written]


def _pattern(upper: str, lower: str, s: str, digit: str, single: str) -> re.Pattern[str]:
    """Returns what finds words, from what finds one character of each class."""
    # "KPIs" is the word "KPI" and an s.
    plural = f"{upper}{{2,}}(?={s}(?!{lower}))"
    letters = f"{plural}|{upper}+(?!{lower})|{upper}?{lower}+"
    return re.compile(f"(?P<letters>{letters})|{digit}+|{single}")


_ASCII_WORD = _pattern("[A-Z]", "[a-z]", "s", "[0-9]", "(?!)")
_ASCII_TERM = re.compile(_ASCII_WORD.pattern.replace("?P<letters>", "?:"))
_ASCII_JOINED = re.compile("(?<![A-Za-z])(?:[A-Z]{2,}[a-z]|[A-Z]?[a-z]+[A-Z])[A-Za-z]*")
_LONG = re.compile(f"[A-Za-z0-9]{{{MAX_WORD + 1}}}")
_WORD = _pattern("(?:Um*+)", "(?:[Ls]m*+)", "(?:sm*+)", "(?:Dm*+)", "(?:Cm*+)")

# Marks that change how a letter looks but not which letter it is: those of Latin, Greek, Cyrillic, Hebrew and Arabic.
# Others, such as the voicing marks of kana and the vowels of Indian scripts, are letters in all but name.
_ACCENTS = frozenset({1, *range(10, 37), *range(200, 241)})
_JOINERS = frozenset("\u00ad\u200c\u200d\u2060")
_PLAIN = {"ø": "o", "đ": "d", "ł": "l", "ħ": "h", "\u0131": "i", "ŧ": "t", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th"}
# Han, kana, hangul and bopomofo, with their half-width forms.
_SINGLE = re.compile(
    "[\u1100-\u11ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303c\u3041-\u312f\u3131-\u318e\u31a0-\u31bf"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97c\uac00-\ud7fb\uf900-\ufad9\uff66-\uff9f\uffa0-\uffdc"
    "\U0001aff0-\U0001b16f\U00020000-\U000323af]"
)
# Parts of a character before them: vowels and final consonants of hangul, voicing marks of kana, skin tones of emoji.
_PART = re.compile("[\u1160-\u11ff\ud7b0-\ud7fb\uffc2-\uffdc\uff9e\uff9f\U0001f3fb-\U0001f3ff]")


class _Lazy(dict[int, str | None]):
    """Maps characters for `str.translate`, each when it is first met."""

    def __init__(self, of: Callable[[str], str | None]) -> None:
        super().__init__()
        self._of = of

    def __missing__(self, code: int) -> str | None:
        self[code] = found = self._of(chr(code))
        return found


def _plain(character: str) -> str | None:
    """Returns what is left of a character that has been decomposed; None for an accent."""
    if combining(character) in _ACCENTS or character in _JOINERS or "\ufe00" <= character <= "\ufe0f":
        return None
    return _PLAIN.get(character, character)


def _class(character: str) -> str:
    """Returns the class of a character: U and L for letters, s, D for digits, C for a word, m for a part of one."""
    kind = category(character)
    if kind.startswith("M") or character in _JOINERS or _PART.match(character):
        return "m"
    if kind == "So" or _SINGLE.match(character) or _SINGLE.match(fold(character)):
        return "C"
    if kind in ("Lu", "Lt"):
        return "U"
    if kind.startswith("L"):
        return "s" if character == "s" else "L"
    return "D" if kind.startswith("N") else "."


_PLAINER, _CLASSES = _Lazy(_plain), _Lazy(_class)
