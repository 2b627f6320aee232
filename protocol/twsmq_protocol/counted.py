"""A number with what it counts, in English: `1 order`, `2 orders`, `1,204 orders`."""

from __future__ import annotations


def counted(number: int, one: str, several: str = "") -> str:
    """`several`: where it is not `one` with an s."""
    return f"{number:,} {one if abs(number) == 1 else several or one + 's'}"
