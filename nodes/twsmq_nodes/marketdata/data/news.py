"""Headlines."""

from __future__ import annotations

from twsmq_protocol.market_events import Headline

from twsmq_nodes.tws.events import TickNews

from .channels import DataEvent, LastEventChannel


class NewsChannel(LastEventChannel):
    """Serves `news/`: headlines as they come out."""

    takes = (TickNews,)
    repeats_value = False
    __slots__ = ()

    def on_event(self, event: DataEvent) -> None:
        if isinstance(event, TickNews):
            self.publish_last(headline_of(event))


def headline_of(event: TickNews) -> Headline:
    return Headline(
        provider=event.provider_code,
        article_id=event.article_id,
        headline=event.headline,
        time=event.time_ms * 1_000_000,
        extra=event.extra_data,
    )
