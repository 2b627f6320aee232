"""Arguments and results of the reference node's ops. SPEC.md documents each for other languages.

Texts are the gateway's own, nil where it has none; times are ns since the epoch; prices are in the
instrument's currency divided by `price_magnifier`.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from .envelope import Args, Finite
from .errors import FieldError
from .forms import form
from .history_requests import SessionRow
from .instruments import SEC_TYPES, parse_instrument

MOST_ROWS = 2000
"""Contracts in one answer; more come as pages."""
ConId = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Word = Annotated[str, form(r"^[ -~]+$", "printable ASCII", min_length=1, max_length=64)]
"""What the gateway takes as a name of something: printable ASCII."""
Price = Annotated[float, Meta(gt=0, le=1e9)]


class OfInstrument(Args, frozen=True, kw_only=True):
    instrument: str

    def __post_init__(self) -> None:
        parse_instrument(self.instrument)


class OfContract(Args, frozen=True, kw_only=True):
    """Names contracts in one of four ways; the last three take `sec_type`, `exchange` and `currency` too."""

    instrument: str | None = None
    isin: Annotated[str, form(r"^[A-Z]{2}[A-Z0-9]{9}[0-9]$", "written like 'US0378331005'")] | None = None
    cusip: Annotated[str, form(r"^[A-Z0-9*@#]{8}[0-9]$", "written like '037833100'")] | None = None
    local_symbol: Word | None = None
    sec_type: str | None = None
    exchange: Word | None = None
    currency: Word | None = None
    expired: bool = False

    def __post_init__(self) -> None:
        given = [
            name
            for name in ("instrument", "isin", "cusip", "local_symbol")
            if getattr(self, name) is not None
        ]
        if len(given) != 1:
            raise FieldError("instrument", "give one of instrument, isin, cusip and local_symbol")
        if self.instrument is not None:
            parse_instrument(self.instrument)
            for name in ("sec_type", "exchange", "currency"):
                if getattr(self, name) is not None:
                    raise FieldError(name, f"{name} stands in the instrument already: leave it out")
        elif self.sec_type is not None and self.sec_type not in SEC_TYPES:
            raise FieldError("sec_type", f"{self.sec_type[:20]!r} is none of {', '.join(sorted(SEC_TYPES))}")


# -- contracts ---------------------------------------------------------------------------------------------


class ContractDetails(OfContract, frozen=True, kw_only=True):
    """`contract_details` (reference): every contract that matches, once, at most `limit` of them.

    `after`: the `next` of the page before. `expired`: futures that have expired too (IBKR keeps two years).
    """

    after: ConId | None = None
    limit: Annotated[int, Meta(ge=1, le=MOST_ROWS)] = MOST_ROWS


class ContractRow(Struct, frozen=True, kw_only=True):
    """One contract of the gateway's database; texts are the gateway's own, nil where it has none.

    `instrument` is the canonical spelling, the same in positions. `order_types` and `valid_exchanges` are
    comma lists, `market_rule_ids` one that goes with `valid_exchanges`; hours are the gateway's text, in
    `time_zone_id`. Sizes are in units of the instrument, prices in its currency divided by `price_magnifier`
    (100: pence). `sec_ids`: ISIN and the like, by their names. `extra`: what else the gateway says of it (of
    bonds, funds, event contracts), under ibapi's names.
    """

    instrument: str
    con_id: int
    sec_type: str
    symbol: str
    exchange: str | None = None
    primary_exchange: str | None = None
    currency: str | None = None
    local_symbol: str | None = None
    trading_class: str | None = None
    expiry: str | None = None
    right: str | None = None
    strike: Finite | None = None
    multiplier: str | None = None
    long_name: str | None = None
    min_tick: Finite | None = None
    min_size: Finite | None = None
    size_increment: Finite | None = None
    price_magnifier: int | None = None
    order_types: str | None = None
    valid_exchanges: str | None = None
    time_zone_id: str | None = None
    trading_hours: str | None = None
    liquid_hours: str | None = None
    market_rule_ids: str | None = None
    under_con_id: int | None = None
    under_symbol: str | None = None
    under_sec_type: str | None = None
    contract_month: str | None = None
    real_expiration: str | None = None
    last_trade_time: str | None = None
    stock_type: str | None = None
    industry: str | None = None
    category: str | None = None
    subcategory: str | None = None
    sec_ids: dict[str, str] = {}
    suggested_size_increment: Finite | None = None
    market_name: str | None = None
    maturity: str | None = None
    coupon: Finite | None = None
    extra: dict[str, Any] = {}


class ContractList(Struct, frozen=True, kw_only=True):
    """Result of `contract_details`, in the order of the conIds. Empty only after the last one: an unknown
    contract is `gateway_rejected` with 200.

    `next`: as `after` for more, nil at the end.
    """

    contracts: list[ContractRow]
    next: int | None = None


class ListedContract(Struct, frozen=True, kw_only=True):
    """What tells one contract from another."""

    instrument: str
    con_id: int
    sec_type: str
    symbol: str
    exchange: str | None = None
    primary_exchange: str | None = None
    currency: str | None = None
    local_symbol: str | None = None
    trading_class: str | None = None
    expiry: str | None = None
    right: str | None = None
    strike: Finite | None = None
    multiplier: str | None = None
    long_name: str | None = None


class Qualify(OfContract, frozen=True, kw_only=True):
    """`qualify` (reference): the one contract that is meant."""


class Qualified(Struct, frozen=True, kw_only=True):
    """Result of `qualify`. `contract` is nil when several match: then `candidates` are the first hundred of
    the `matches`, and `told_apart_by` the fewest fields that name one of them.
    """

    contract: ContractRow | None
    candidates: list[ListedContract]
    told_apart_by: list[str]
    matches: int


class GetOptionChain(OfInstrument, frozen=True, kw_only=True):
    """`option_chain` (reference): the options on an underlying that are really listed.

    `expiry`: of this day only. Without it expiries follow each other in pages: `after`: the `next` of the
    page before.
    """

    expiry: Annotated[str, form(r"^[0-9]{8}$", "a day like '20261218'")] | None = None
    trading_class: Word | None = None
    after: Annotated[str, form(r"^[0-9]{8}$", "a day like '20261218'")] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.expiry is not None and self.after is not None:
            raise FieldError("after", "give either expiry or after")


class OptionChain(Struct, frozen=True, kw_only=True):
    """Result of `option_chain`. `expiries`: all there are, YYYYMMDD. `contracts`: by expiry, right and
    strike; whole expiries, about two thousand. `next`: as `after` for more, nil at the end.
    """

    underlying: str
    con_id: int
    expiries: list[str]
    contracts: list[ListedContract]
    next: str | None = None


class Search(Args, frozen=True, kw_only=True):
    """`search` (reference): instruments whose symbol begins with a text, or whose name has it."""

    pattern: Word


class FoundSymbol(Struct, frozen=True, kw_only=True):
    """`derivatives`: the kinds of contract there are on it."""

    instrument: str
    con_id: int
    sec_type: str
    symbol: str
    primary_exchange: str | None = None
    currency: str | None = None
    long_name: str | None = None
    derivatives: list[str] = []


class FoundSymbols(Struct, frozen=True, kw_only=True):
    """Result of `search`: at most 16, in the gateway's order."""

    contracts: list[FoundSymbol]


class GetTradingHours(OfInstrument, frozen=True, kw_only=True):
    """`trading_hours` (reference): the sessions of today and of the next days."""


class TradingHours(Struct, frozen=True, kw_only=True):
    """Result of `trading_hours`. `trading`: all sessions, `liquid`: the regular ones. `closed`: days
    (YYYYMMDD) of which the gateway says that there is none. `time_zone`: an IANA name, `time_zone_id`: the
    gateway's own.
    """

    con_id: int
    time_zone: str
    time_zone_id: str
    trading: list[SessionRow]
    liquid: list[SessionRow]
    closed: list[str]


class GetMarketRule(OfInstrument, frozen=True, kw_only=True):
    """`market_rule` (reference): the steps of prices and sizes of a contract, on each of its exchanges."""


class PriceIncrement(Struct, frozen=True, kw_only=True):
    """`increment`: the price's step from `low` on."""

    low: Finite
    increment: Finite


class ExchangeRule(Struct, frozen=True, kw_only=True):
    """`rule`: the gateway's number of it."""

    exchange: str
    rule: int
    increments: list[PriceIncrement]


class MarketRules(Struct, frozen=True, kw_only=True):
    """Result of `market_rule`. `min_tick`: the smallest step on any exchange at any price."""

    instrument: str
    con_id: int
    min_tick: Finite | None
    min_size: Finite | None
    size_increment: Finite | None
    price_magnifier: int | None
    rules: list[ExchangeRule]


# -- the rest ----------------------------------------------------------------------------------------------


class GetImpliedVolatility(OfInstrument, frozen=True, kw_only=True):
    """`implied_volatility` (reference): what an option's price means."""

    option_price: Price
    under_price: Price


class GetOptionPrice(OfInstrument, frozen=True, kw_only=True):
    """`option_price` (reference): what an option is worth at a volatility (0.2 is 20 %)."""

    volatility: Annotated[float, Meta(gt=0, le=100)]
    under_price: Price


class OptionValue(Struct, frozen=True, kw_only=True):
    """Result of `implied_volatility` and `option_price`, by the gateway's own model."""

    con_id: int
    option_price: Finite | None
    implied_volatility: Finite | None
    under_price: Finite | None
    delta: Finite | None
    gamma: Finite | None
    vega: Finite | None
    theta: Finite | None
    pv_dividend: Finite | None


class DepthExchangeRow(Struct, frozen=True, kw_only=True):
    """`kind`: Deep (one order book) or Deep2 (with market makers). `group`: exchanges of one SMART book."""

    exchange: str
    sec_type: str
    listing_exchange: str | None = None
    kind: str | None = None
    group: int | None = None


class DepthExchanges(Struct, frozen=True, kw_only=True):
    """Result of `market_depth_exchanges`."""

    exchanges: list[DepthExchangeRow]


class GetSmartComponents(Args, frozen=True, kw_only=True):
    """`smart_components` (reference): which exchange a letter of a quote's exchanges stands for.

    `bbo_exchange`: the gateway's code of the letters, which no event has yet.
    """

    bbo_exchange: Word


class SmartComponent(Struct, frozen=True, kw_only=True):
    bit: int
    exchange: str
    letter: str


class SmartComponents(Struct, frozen=True, kw_only=True):
    """Result of `smart_components`."""

    components: list[SmartComponent]


class UserInfo(Struct, frozen=True, kw_only=True):
    """Result of `user_info`: the user's white branding, nil without."""

    white_branding_id: str | None
