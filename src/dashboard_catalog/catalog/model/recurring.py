"""Remembers what a function returns for things that a load names over and over, such as owners and tags."""

from collections.abc import Callable
from typing import TypeVar

K = TypeVar("K", bound=tuple[str, ...])
V = TypeVar("V")

# This many short ones take a few megabytes at most.
_REMEMBERED = 2_048
_SHORT = 1_024


class Recurring(dict[K, V]):
    """The results of a function by its argument, a tuple of texts. A missing one is computed.

    Args:
        compute: The function. Its result depends only on its argument.
    """

    def __init__(self, compute: Callable[[K], V]) -> None:
        super().__init__()
        self._compute = compute

    def __missing__(self, texts: K) -> V:
        result = self._compute(texts)
        if sum(map(len, texts)) <= _SHORT:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[texts] = result
        return result
