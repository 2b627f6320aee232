"""News: providers, headlines past and live, articles, bulletins. All of it is made up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twsmq_simulator.errors import RequestRefused
from twsmq_simulator.handlers.table import Table, handles
from twsmq_simulator.market.instruments import NO_DEFINITION
from twsmq_simulator.market.times import stamp
from twsmq_simulator.wire import messages, tick_messages
from twsmq_simulator.wire import requests as r

if TYPE_CHECKING:
    from twsmq_simulator.gateway import Gateway
    from twsmq_simulator.session import Session

TABLE: Table = {}
NEWS_PROVIDERS = [("BRFG", "Briefing.com General Market Columns"), ("DJNL", "Dow Jones Newsletters")]
HEADLINES: str = "292"
MINUTE = 60_000_000_000


def provider_of(request: r.MarketData) -> str:
    """Whose headlines are asked for, by a contract of the type NEWS. Raises RequestRefused(200)."""
    provider = request.contract.exchange
    if provider not in dict(NEWS_PROVIDERS):
        raise RequestRefused(200, NO_DEFINITION, request.request_id)
    return provider


def follow_headlines(gateway: Gateway, session: Session, request_id: int, provider: str, about: str) -> None:
    """A headline (tickNews) at once and about every minute, until the market data request is cancelled."""

    def send() -> None:
        now = gateway.clock.now()
        article = f"{provider}${now // MINUTE:x}"
        headline = f"{about}: simulated headline of {stamp(now)}"
        session.write(tick_messages.tick_news(request_id, now // 1_000_000, provider, article, headline))

    gateway.repeat(session, (r.Cancel.MARKET_DATA, request_id), send, MINUTE)


@handles(TABLE, r.NewsProviders)
def news_providers(gateway: Gateway, session: Session, request: r.NewsProviders) -> None:
    del gateway, request
    session.write(messages.news_providers(NEWS_PROVIDERS))


@handles(TABLE, r.HistoricalNews)
def historical_news(gateway: Gateway, session: Session, request: r.HistoricalNews) -> None:
    instrument = gateway.catalogue.get(request.con_id)
    if instrument is None:
        raise RequestRefused(321, "Error validating request.-'bN' : cause - Invalid contract id")
    providers = [code for code in request.providers.replace("+", ",").split(",") if code]
    for nth in range(min(max(request.limit, 0), 5)):
        provider = providers[nth % len(providers)] if providers else NEWS_PROVIDERS[0][0]
        time = stamp(gateway.clock.now() - nth * 3_600_000_000_000).removesuffix(" US/Eastern") + ".0"
        article = f"{provider}${request.con_id}{nth:03d}"
        headline = f"{instrument.long_name}: simulated headline {nth + 1}"
        session.write(messages.historical_news(request.request_id, time, provider, article, headline))
    session.write(messages.historical_news_end(request.request_id, more=False))


@handles(TABLE, r.NewsArticle)
def news_article(gateway: Gateway, session: Session, request: r.NewsArticle) -> None:
    del gateway
    text = f"A simulated article of {request.provider}: {request.article_id}."
    session.write(messages.news_article(request.request_id, 0, text))


@handles(TABLE, r.NewsBulletins)
def news_bulletins(gateway: Gateway, session: Session, request: r.NewsBulletins) -> None:
    """With all_messages the day's bulletins come at once; there is one."""
    del gateway
    if request.all_messages:
        session.write(messages.news_bulletin(1, 1, "This is a simulated market.", "NYSE"))


@handles(TABLE, r.CancelNewsBulletins)
def cancel_news_bulletins(gateway: Gateway, session: Session, request: r.CancelNewsBulletins) -> None:
    """Never answered."""
    del gateway, session, request
