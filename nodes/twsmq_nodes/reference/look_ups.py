"""The kinds of look-up: what asks the gateway, which events bring rows, which event ends it. One row each.

A kind is `numbered` if its answer carries the id of its request. The others are matched by what they are
about (`about`): a market rule by its number, a list of which there is one by nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

from msgspec import Struct

from twsmq_nodes.tws import reference_events as ev
from twsmq_nodes.tws import reference_requests as ref
from twsmq_nodes.tws import requests as rq
from twsmq_nodes.tws.codes import is_warning
from twsmq_nodes.tws.events import Event, TickOptionComputation

from .scanner_parameters import parameters

Rows = tuple[Any, ...]
HOUR, DAY = 3600.0, 86_400.0
NO_ROWS = 165
""" "Historical Market Data Service query message": a scanner that has found nothing (ib_async)."""
SCANNERS = 10
""" "Only 10 simultaneous API scanner subscriptions are allowed." (ibsync #2; IBKR's documentation 23)"""
PARTIAL = 492
""" "You must subscribe for additional permissions to obtain precise results for scanner": rows follow."""


class Kind(Struct, frozen=True):
    """`request(req_id, *args)`, without the id for what is not numbered. `rows`: what an event brings.

    `ends`: the events after which all is there. `cancel`: the gateway goes on until it is cancelled.
    `keep_s`: how long an answer is remembered. `pace_s`: between two requests of the kind. `idle_s`: silence
    after which nothing more is expected, above the slowest answer known of. `some`: no row at all is no
    answer. `most_open`: so many the gateway answers at a time. `refused_as`: words by which a refusal without
    an id is known. `unconfirmed`: it changes something; what is said where the gateway does not say whether.
    What `rows` cannot read it raises as a RequestError: a refusal, which nobody remembers.
    """

    request: Callable[..., rq.Request]
    rows: Mapping[type[Event], Callable[[Any], Iterable[Any]]]
    ends: frozenset[type[Event]]
    about: Callable[[Any], tuple[Hashable, ...]] | None = None
    cancel: Callable[[int], rq.Request] | None = None
    keep_s: float = 0.0
    pace_s: float = 0.0
    idle_s: float = 30.0
    some: bool = False
    most_open: int | None = None
    empty_codes: frozenset[int] = frozenset()
    notice_codes: frozenset[int] = frozenset()
    refused_as: str | None = None
    unconfirmed: str | None = None

    @property
    def numbered(self) -> bool:
        return self.about is None

    def asking(self, req_id: int, args: Rows) -> rq.Request:
        return self.request(req_id, *args) if self.numbered else self.request(*args)

    def goes_on_after(self, code: int) -> bool:
        """Whether rows may follow what the gateway says."""
        return is_warning(code) or code in self.notice_codes


class Query(Struct, frozen=True):
    """One thing to be looked up; two that are equal are the same."""

    kind: str
    args: tuple[Any, ...] = ()


def _one(event: type[Event], rows: Callable[[Any], Iterable[Any]]) -> dict[str, Any]:
    """Of a kind whose answer is a single event."""
    return {"rows": {event: rows}, "ends": frozenset((event,))}


def _nothing(_: Event) -> tuple[Hashable, ...]:
    return ()


def _contract(event: ev.ContractDetailsReceived) -> Rows:
    """One without a conId names no contract."""
    return (event.details,) if event.details.contract.con_id else ()


NO_ADVISER = "FA data operations"
""" "FA data operations ignored for non FA customers." (321, of no request)"""
UNCONFIRMED = (
    "whether they were replaced is not known, the gateway did not say: read fa_groups before another try"
)
DETAILS_IDLE_S = 60.0
"""Details of options are paced inside the gateway, "up to a minute" (IBKR's documentation 16.03)."""

KINDS: dict[str, Kind] = {
    "details": Kind(
        ref.ReqContractDetails,
        {ev.ContractDetailsReceived: _contract},
        frozenset((ev.ContractDetailsEnd,)),
        keep_s=HOUR,
        idle_s=DETAILS_IDLE_S,
        some=True,
    ),
    "symbols": Kind(
        ref.ReqMatchingSymbols,
        **_one(ev.MatchingSymbols, lambda event: event.matches),
        keep_s=HOUR,
        pace_s=1.0,  # the gateway's own rule (IBKR's documentation 16.05)
    ),
    "option parameters": Kind(
        ref.ReqSecDefOptParams,
        {ev.OptionChain: lambda event: (event,)},
        frozenset((ev.OptionChainEnd,)),
        keep_s=HOUR,
    ),
    "market rule": Kind(
        ref.ReqMarketRule,
        **_one(ev.MarketRule, lambda event: (event,)),
        about=lambda event: (event.market_rule_id,),
        keep_s=DAY,
    ),
    "news providers": Kind(
        ref.ReqNewsProviders,
        **_one(ev.NewsProviders, lambda event: event.providers),
        about=_nothing,
        keep_s=HOUR,
    ),
    "news": Kind(
        ref.ReqHistoricalNews,
        {
            ev.HistoricalNews: lambda event: (event,),
            ev.HistoricalNewsEnd: lambda event: (event,),
        },
        frozenset((ev.HistoricalNewsEnd,)),
    ),
    "article": Kind(ref.ReqNewsArticle, **_one(ev.NewsArticle, lambda event: (event,)), keep_s=HOUR),
    "scanner": Kind(
        ref.ReqScanner,
        **_one(ev.ScannerRows, lambda event: event.rows),
        cancel=ref.CancelScanner,
        most_open=SCANNERS,
        empty_codes=frozenset((NO_ROWS,)),
        notice_codes=frozenset((PARTIAL,)),
    ),
    "scanner parameters": Kind(
        ref.ReqScannerParameters,
        **_one(ev.ScannerParameters, lambda event: (parameters(event.xml),)),
        about=_nothing,
        keep_s=DAY,
    ),
    "implied volatility": Kind(
        ref.CalculateImpliedVolatility,
        **_one(TickOptionComputation, lambda event: (event,)),
        cancel=ref.CancelImpliedVolatility,
    ),
    "option price": Kind(
        ref.CalculateOptionPrice,
        **_one(TickOptionComputation, lambda event: (event,)),
        cancel=ref.CancelOptionPrice,
    ),
    "depth exchanges": Kind(
        ref.ReqDepthExchanges,
        **_one(ev.DepthExchanges, lambda event: event.exchanges),
        about=_nothing,
        keep_s=DAY,
    ),
    "smart components": Kind(
        ref.ReqSmartComponents, **_one(ev.SmartComponents, lambda event: event.components), keep_s=HOUR
    ),
    "wsh meta": Kind(
        ref.ReqWshMetaData,
        **_one(ev.WshMetaData, lambda event: (event.json,)),
        cancel=ref.CancelWshMetaData,
        keep_s=DAY,
        most_open=1,  # 10278: another is a duplicate
    ),
    "wsh events": Kind(
        ref.ReqWshEvents,
        **_one(ev.WshEvents, lambda event: (event.json,)),
        cancel=ref.CancelWshEvents,
        most_open=1,  # 10281
    ),
    "fundamentals": Kind(
        ref.ReqFundamentals, **_one(ev.Fundamentals, lambda event: (event.xml,)), keep_s=HOUR
    ),
    "fa groups": Kind(
        ref.ReqFaGroups,
        **_one(ev.FaGroups, lambda event: (event.xml,)),
        about=lambda event: (event.kind,),
        refused_as=NO_ADVISER,
    ),
    "replace fa groups": Kind(
        ref.ReplaceFaGroups,
        **_one(ev.FaGroupsReplaced, lambda event: (event.text,)),
        most_open=1,
        refused_as=NO_ADVISER,
        unconfirmed=UNCONFIRMED,
    ),
    "user info": Kind(ref.ReqUserInfo, **_one(ev.UserInfo, lambda event: (event,)), keep_s=HOUR),
}
_MOST_OPEN = {name: kind.most_open for name, kind in KINDS.items() if kind.most_open is not None}


def occupied(
    asked: Iterable[str], unwritten: Iterable[str], reserved: Mapping[str, int] | None = None
) -> set[str]:
    """Kinds of which no more may be asked now: the gateway answers no more at a time, or their pace counts
    from a request that is not written yet. `reserved`: so many of a kind others keep open."""
    out = Counter(asked)
    out.update(reserved or {})
    paced = {name for name in unwritten if KINDS[name].pace_s}
    return paced | {name for name, most in _MOST_OPEN.items() if out[name] >= most}
