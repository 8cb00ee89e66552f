"""Versions of assets: stored as whole tenths, shown as 0.1, 0.2, ... 1.0."""

_LARGEST = 2**31 - 1
# A double that a caller computed may be off by its last digits.
_TOLERANCE = 1e-6


def as_number(tenths: int) -> float:
    """Returns a version as the contract shows it: 0.3 for 3."""
    return tenths / 10


def as_text(tenths: int) -> str:
    """Returns a version for people and for error metadata: `0.3` for 3."""
    return f"{tenths / 10:.1f}"


def tenths_of(number: float) -> int | None:
    """Returns the stored form of a version that a caller sent, or None if no asset can have it."""
    # False for NaN.
    if not 0 <= number <= _LARGEST / 10:
        return None
    tenths = round(number * 10)
    return tenths if abs(number * 10 - tenths) <= _TOLERANCE else None
