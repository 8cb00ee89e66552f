"""How many typos a word may have to be found, and which words are that near."""


def typos_in(word: str) -> int:
    """Returns the number of typos with which a word is still found."""
    return (len(word) >= 4) + (len(word) >= 8)


def is_near(word: str, other: str, typos: int) -> bool:
    """Says whether a word becomes another one by a number of typos at most.

    A typo is a letter too many, too few or in place of another one, or two neighbours that have changed places.
    """
    if abs(len(word) - len(other)) > typos:
        return False
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(word, 1):
        before, above, row = row, before, [i]
        for j, wanted in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and word[i - 2] == wanted:
                cost = min(cost, above[j - 2] + 1)
            row.append(cost)
        if min(row) > typos:
            return False
    return row[-1] <= typos
