"""Texts of a certain form: the pattern that msgspec checks, and the words that a person reads instead."""

from __future__ import annotations

from msgspec import Meta

WORDS: dict[str, str] = {}
"""By pattern: what completes "must be"."""


def form(pattern: str, words: str, *, min_length: int | None = None, max_length: int | None = None) -> Meta:
    """For a type: `Annotated[str, form(r"^[0-9]{8}$", "a day like '20261218'")]`."""
    WORDS[pattern] = words
    return Meta(pattern=pattern, min_length=min_length, max_length=max_length)
