"""From a frame's payload to a request struct, by the message id in its first field.

Layouts: IBKR's published client at each version it can negotiate, bytes counted from four client releases. A
message id the gateway does not know is a MalformedRequest, as is a message that ends too early; fields beyond
the known ones are ignored, since older releases send some that later ones dropped.
"""

from collections.abc import Callable

from msgspec.structs import replace

from twsmq_simulator.errors import MalformedRequest
from twsmq_simulator.market.contracts import ComboLeg, ContractSpec, DeltaNeutral
from twsmq_simulator.wire import requests as r
from twsmq_simulator.wire import versions
from twsmq_simulator.wire.fields import FieldReader
from twsmq_simulator.wire.place_order import read_count, read_place_order

Reader = Callable[[FieldReader], r.Request]


def decode(payload: bytes, version: int) -> r.Request:
    """One request. Raises MalformedRequest."""
    fields = FieldReader(payload, version)
    message_id = fields.integer()
    reader = READERS.get(message_id)
    if reader is None:
        raise MalformedRequest(f"message id {message_id} is unknown")
    return reader(fields)


def read_contract(
    f: FieldReader, *, primary: bool = True, expired: bool = False, trading_class: bool = True
) -> ContractSpec:
    """The run of contract fields most requests share; the flags are the fields some of them leave out."""
    return ContractSpec(
        con_id=f.integer(),
        symbol=f.text(),
        sec_type=f.text(),
        expiry=f.text(),
        strike=f.maybe_number(),
        right=f.text(),
        multiplier=f.text(),
        exchange=f.text(),
        primary_exchange=f.text() if primary else "",
        currency=f.text(),
        local_symbol=f.text(),
        trading_class=f.text() if trading_class else "",
        include_expired=f.boolean() if expired else False,
    )


def _short_legs(f: FieldReader) -> tuple[ComboLeg, ...]:
    return tuple(ComboLeg(f.integer(), f.integer(), f.text(), f.text()) for _ in range(read_count(f)))


def _market_data(f: FieldReader) -> r.Request:
    f.text()
    request_id = f.integer()
    contract = read_contract(f)
    legs = _short_legs(f) if contract.sec_type == "BAG" else ()
    neutral = DeltaNeutral(f.integer(), f.number(), f.number()) if f.boolean() else None
    return r.MarketData(
        request_id, replace(contract, legs=legs, delta_neutral=neutral), f.text(), f.boolean(), f.boolean()
    )


def _cancel(what: str, *, versioned: bool = True) -> Reader:
    def read(f: FieldReader) -> r.Request:
        if versioned:
            f.text()
        return r.Cancel(f.integer(), what)

    return read


def _cancel_order(f: FieldReader) -> r.Request:
    if f.version < versions.CME_TAGGING:
        f.text()
    return r.CancelOrder(f.integer(), f.text() if f.version >= versions.MANUAL_ORDER_TIME else "")


def _executions(f: FieldReader) -> r.Request:
    f.text()
    head = (f.integer(), f.integer(), f.text(), f.text(), f.text(), f.text(), f.text(), f.text())
    if f.version < versions.EXECUTION_DAYS:
        return r.Executions(*head)
    days = f.maybe_integer()
    return r.Executions(*head, days, tuple(f.text() for _ in range(read_count(f))))


def _contract_details(f: FieldReader) -> r.Request:
    f.text()
    request_id = f.integer()
    contract = read_contract(f, expired=True)
    contract = replace(contract, sec_id_type=f.text(), sec_id=f.text())
    if f.version >= versions.BOND_ISSUER_ID:
        contract = replace(contract, issuer_id=f.text())
    return r.ContractDetails(request_id, contract)


def _historical_data(f: FieldReader) -> r.Request:
    request_id = f.integer()
    contract = read_contract(f, expired=True)
    end, bar, duration, regular = f.text(), f.text(), f.text(), f.boolean()
    what, date_format = f.text(), f.integer(1)
    legs = _short_legs(f) if contract.sec_type == "BAG" else ()
    keep = f.boolean()
    contract = replace(contract, legs=legs)
    return r.HistoricalData(request_id, contract, end, bar, duration, regular, what, date_format, keep)


def _real_time_bars(f: FieldReader) -> r.Request:
    f.text()
    return r.RealTimeBars(f.integer(), read_contract(f), f.integer(5), f.text(), f.boolean())


def _depth(f: FieldReader) -> r.Request:
    f.text()
    return r.MarketDepth(f.integer(), read_contract(f), f.integer(), f.boolean())


def _tick_by_tick(f: FieldReader) -> r.Request:
    return r.TickByTick(f.integer(), read_contract(f), f.text(), f.integer(), f.boolean())


def _historical_ticks(f: FieldReader) -> r.Request:
    head = (f.integer(), read_contract(f, expired=True))
    return r.HistoricalTicks(*head, f.text(), f.text(), f.integer(), f.text(), f.boolean(), f.boolean())


def _scanner(f: FieldReader) -> r.Request:
    head = (f.integer(), f.maybe_integer(), f.text(), f.text(), f.text())
    return r.ScannerSubscription(*head, f.maybe_number(), f.maybe_number())


def _exercise(f: FieldReader) -> r.Request:
    f.text()
    head = (f.integer(), read_contract(f, primary=False))
    return r.ExerciseOptions(*head, f.integer() == 1, f.integer(), f.text(), f.boolean())


def _implied_volatility(f: FieldReader) -> r.Request:
    f.text()
    return r.ImpliedVolatility(f.integer(), read_contract(f), f.number(), f.number())


def _option_price(f: FieldReader) -> r.Request:
    f.text()
    return r.OptionPrice(f.integer(), read_contract(f), f.number(), f.number())


def _fundamental(f: FieldReader) -> r.Request:
    f.text()
    request_id = f.integer()
    contract = ContractSpec(
        con_id=f.integer(),
        symbol=f.text(),
        sec_type=f.text(),
        exchange=f.text(),
        primary_exchange=f.text(),
        currency=f.text(),
        local_symbol=f.text(),
    )
    return r.FundamentalData(request_id, contract, f.text())


def _wsh_events(f: FieldReader) -> r.Request:
    head = (f.integer(), f.maybe_integer())
    if f.version < versions.WSH_EVENT_FILTERS:
        return r.WshEventData(*head)
    wanted, _ = f.text(), [f.boolean() for _ in range(3)]  # what the filter is widened by
    if f.version < versions.WSH_EVENT_DATES:
        return r.WshEventData(*head, wanted)
    return r.WshEventData(*head, wanted, f.text(), f.text(), f.maybe_integer())


def _start_api(f: FieldReader) -> r.Request:
    f.text()
    return r.StartApi(f.integer(), f.text() if f.remaining() else "")


def _versioned(read: Reader) -> Reader:
    def skip(f: FieldReader) -> r.Request:
        f.text()
        return read(f)

    return skip


def _replace_fa(f: FieldReader) -> r.Request:
    f.text()
    kind, xml = f.integer(), f.text()
    return r.ReplaceFa(f.integer() if f.version >= versions.REPLACE_FA_END else None, kind, xml)


READERS: dict[int, Reader] = {
    1: _market_data,
    2: _cancel(r.Cancel.MARKET_DATA),
    3: lambda f: r.PlaceOrder(read_place_order(f)),
    4: _cancel_order,
    5: lambda _: r.OpenOrders(),
    6: _versioned(lambda f: r.AccountUpdates(f.boolean(), f.text())),
    7: _executions,
    8: lambda _: r.NextIds(),
    9: _contract_details,
    10: _depth,
    11: _cancel(r.Cancel.DEPTH),
    12: _versioned(lambda f: r.NewsBulletins(f.boolean())),
    13: lambda _: r.CancelNewsBulletins(),
    14: _versioned(lambda f: r.ServerLogLevel(f.integer())),
    15: _versioned(lambda f: r.AutoOpenOrders(f.boolean())),
    16: lambda _: r.AllOpenOrders(),
    17: lambda _: r.ManagedAccounts(),
    18: _versioned(lambda f: r.RequestFa(f.integer())),
    19: _replace_fa,
    20: _historical_data,
    21: _exercise,
    22: _scanner,
    23: _cancel(r.Cancel.SCANNER),
    24: lambda _: r.ScannerParameters(),
    25: _cancel(r.Cancel.HISTORY),
    49: lambda _: r.CurrentTime(),
    50: _real_time_bars,
    51: _cancel(r.Cancel.REAL_TIME_BARS),
    52: _fundamental,
    53: _cancel(r.Cancel.FUNDAMENTAL),
    54: _implied_volatility,
    55: _option_price,
    56: _cancel(r.Cancel.IMPLIED_VOLATILITY),
    57: _cancel(r.Cancel.OPTION_PRICE),
    58: lambda _: r.GlobalCancel(),
    59: _versioned(lambda f: r.MarketDataType(f.integer())),
    61: lambda _: r.Positions(),
    62: _versioned(lambda f: r.AccountSummary(f.integer(), f.text(), f.text())),
    63: _cancel(r.Cancel.ACCOUNT_SUMMARY),
    64: lambda _: r.CancelPositions(),
    65: lambda _: r.Verify(),
    66: lambda _: r.Verify(),
    67: _versioned(lambda f: r.QueryDisplayGroups(f.integer())),
    68: _versioned(lambda f: r.SubscribeToGroup(f.integer(), f.integer())),
    69: _versioned(lambda f: r.UpdateDisplayGroup(f.integer(), f.text())),
    70: _versioned(lambda f: r.UnsubscribeFromGroup(f.integer())),
    71: _start_api,
    72: lambda _: r.Verify(),
    73: lambda _: r.Verify(),
    74: _versioned(lambda f: r.PositionsMulti(f.integer(), f.text(), f.text())),
    75: _cancel(r.Cancel.POSITIONS_MULTI),
    76: _versioned(lambda f: r.AccountUpdatesMulti(f.integer(), f.text(), f.text(), f.boolean())),
    77: _cancel(r.Cancel.ACCOUNT_UPDATES_MULTI),
    78: lambda f: r.OptionParameters(f.integer(), f.text(), f.text(), f.text(), f.integer()),
    79: lambda f: r.SoftDollarTiers(f.integer()),
    80: lambda _: r.FamilyCodes(),
    81: lambda f: r.MatchingSymbols(f.integer(), f.text()),
    82: lambda _: r.DepthExchanges(),
    83: lambda f: r.SmartComponents(f.integer(), f.text()),
    84: lambda f: r.NewsArticle(f.integer(), f.text(), f.text()),
    85: lambda _: r.NewsProviders(),
    86: lambda f: r.HistoricalNews(f.integer(), f.integer(), f.text(), f.text(), f.text(), f.integer()),
    87: lambda f: r.HeadTimestamp(
        f.integer(), read_contract(f, expired=True), f.boolean(), f.text(), f.integer(1)
    ),
    88: lambda f: r.Histogram(f.integer(), read_contract(f, expired=True), f.boolean(), f.text()),
    89: _cancel(r.Cancel.HISTOGRAM, versioned=False),
    90: _cancel(r.Cancel.HEAD_TIMESTAMP, versioned=False),
    91: lambda f: r.MarketRule(f.integer()),
    92: lambda f: r.ProfitAndLoss(f.integer(), f.text(), f.text()),
    93: _cancel(r.Cancel.PNL, versioned=False),
    94: lambda f: r.ProfitAndLossSingle(f.integer(), f.text(), f.text(), f.integer()),
    95: _cancel(r.Cancel.PNL_SINGLE, versioned=False),
    96: _historical_ticks,
    97: _tick_by_tick,
    98: _cancel(r.Cancel.TICK_BY_TICK, versioned=False),
    99: lambda f: r.CompletedOrders(f.boolean()),
    100: lambda f: r.WshMetaData(f.integer()),
    101: _cancel(r.Cancel.WSH_META, versioned=False),
    102: _wsh_events,
    103: _cancel(r.Cancel.WSH_EVENTS, versioned=False),
    104: lambda f: r.UserInfo(f.integer()),
    105: lambda _: r.CurrentTimeMillis(),
}
