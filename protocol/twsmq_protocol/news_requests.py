"""Arguments and results of the ops about news."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from .envelope import Args, Nanoseconds
from .errors import FieldError
from .reference_requests import OfInstrument, Word


class NewsProvider(Struct, frozen=True, kw_only=True):
    code: str
    name: str


class NewsProviders(Struct, frozen=True, kw_only=True):
    """Result of `news_providers`: those the user may read."""

    providers: list[NewsProvider]


class GetNews(OfInstrument, frozen=True, kw_only=True):
    """`news` (reference): headlines about an instrument, newest first.

    `providers`: codes; all the user has unless given. Give `from` or `to`: the gateway ignores `to` where
    both are set, so both are refused.
    """

    providers: Annotated[list[Word], Meta(min_length=1, max_length=50)] | None = None
    from_: Nanoseconds | None = msgspec.field(name="from", default=None)
    to: Nanoseconds | None = None
    limit: Annotated[int, Meta(ge=1, le=300)] = 50

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.from_ is not None and self.to is not None:
            raise FieldError("to", "give either from or to (IBKR ignores the second)")


class Headline(Struct, frozen=True, kw_only=True):
    """`time`: of the gateway's `time_text` read as UTC, nil where that is no time."""

    time: int | None
    time_text: str
    provider: str
    article_id: str
    headline: str


class Headlines(Struct, frozen=True, kw_only=True):
    """Result of `news`. `more`: there are others."""

    headlines: list[Headline]
    more: bool


class GetArticle(Args, frozen=True, kw_only=True):
    """`article` (reference): the text behind a headline."""

    provider: Word
    article_id: Word


class Article(Struct, frozen=True, kw_only=True):
    """Result of `article`. `kind`: `text` (may be HTML) or `pdf` (base64)."""

    kind: Literal["text", "pdf"]
    text: str
