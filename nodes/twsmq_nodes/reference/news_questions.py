"""What is asked about news (who provides them, headlines, an article) and about fundamentals. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from twsmq_protocol import fundamental_requests, news_requests
from twsmq_protocol.envelope import NoArgs

from twsmq_nodes.tws.gateway_times import NS, execution_time_ns
from twsmq_nodes.tws.reference_events import HistoricalNews, HistoricalNewsEnd

from .look_ups import Query
from .question import Question, rows_of, the_one


def news_providers(_: NoArgs) -> Question:
    (found,) = yield (Query("news providers"),)
    return news_requests.NewsProviders(
        providers=[news_requests.NewsProvider(code=code, name=name) for code, name in rows_of(found)]
    )


def news(args: news_requests.GetNews) -> Question:
    info = yield from the_one(args.instrument)
    providers = args.providers
    if providers is None:
        (found,) = yield (Query("news providers"),)
        providers = [code for code, _ in rows_of(found)]
    asked = (
        info.contract.con_id,
        "+".join(providers),
        _news_time(args.from_),
        _news_time(args.to),
        args.limit,
    )
    (found,) = yield (Query("news", asked),)
    rows = rows_of(found)
    headlines = [
        news_requests.Headline(
            time=_headline_ns(row.time),
            time_text=row.time,
            provider=row.provider_code,
            article_id=row.article_id,
            headline=row.headline,
        )
        for row in rows
        if isinstance(row, HistoricalNews)
    ]
    headlines.sort(key=lambda one: -(one.time or 0))
    more = any(isinstance(row, HistoricalNewsEnd) and row.has_more for row in rows)
    return news_requests.Headlines(headlines=headlines, more=more)


def article(args: news_requests.GetArticle) -> Question:
    (found,) = yield (Query("article", (args.provider, args.article_id)),)
    (received,) = rows_of(found)
    return news_requests.Article(kind="pdf" if received.article_type == 1 else "text", text=received.text)


def fundamentals(args: fundamental_requests.GetFundamentals) -> Question:
    info = yield from the_one(args.instrument)
    (found,) = yield (Query("fundamentals", (info.contract, args.report)),)
    (xml,) = rows_of(found)
    return fundamental_requests.Fundamentals(report=args.report, xml=xml)


QUESTIONS: dict[str, Callable[[Any], Question]] = {
    "news_providers": news_providers,
    "news": news,
    "article": article,
    "fundamentals": fundamentals,
}
"""By op."""


def _news_time(ns: int | None) -> str:
    """`yyyy-MM-dd HH:mm:ss`, UTC (IBKR's documentation 24)."""
    return "" if ns is None else f"{datetime.fromtimestamp(ns // NS, UTC):%Y-%m-%d %H:%M:%S}"


def _headline_ns(text: str) -> int | None:
    """`2026-03-23 13:25:15.0` (captured), taken to be UTC: no zone is documented."""
    day, _, clock = text.strip().partition(" ")
    return execution_time_ns(f"{day.replace('-', '')} {clock.partition('.')[0]} UTC")
