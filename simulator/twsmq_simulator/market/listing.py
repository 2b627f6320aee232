"""The instruments this market lists: thirty-odd well-known contracts, and the chains derived from them.

ConIds of listed contracts are the real ones where they are public (captures, IBKR's documentation); expiring
contracts get derived ones, and chains depend only on the date the simulator starts at.
"""

from datetime import date, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from twsmq_simulator.market.instruments import Catalogue, Instrument, derived_con_id

US_EXCHANGES: Final = (
    "SMART",
    "AMEX",
    "NYSE",
    "CBOE",
    "PHLX",
    "ISE",
    "CHX",
    "ARCA",
    "NASDAQ",
    "BEX",
    "BATS",
    "IEX",
)
_MONTHS: Final = "FGHJKMNQUVXZ"

# conId, symbol, exchange, trading class, price, name, stock type, ISIN
_STOCKS: Final = (
    (265598, "AAPL", "NASDAQ", "NMS", 265.18, "APPLE INC", "COMMON", "US0378331005"),
    (272093, "MSFT", "NASDAQ", "NMS", 412.40, "MICROSOFT CORP", "COMMON", "US5949181045"),
    (76792991, "TSLA", "NASDAQ", "NMS", 391.20, "TESLA INC", "COMMON", "US88160R1014"),
    (4815747, "NVDA", "NASDAQ", "NMS", 188.70, "NVIDIA CORP", "COMMON", "US67066G1040"),
    (3691937, "AMZN", "NASDAQ", "NMS", 231.55, "AMAZON.COM INC", "COMMON", "US0231351067"),
    (208813720, "GOOG", "NASDAQ", "NMS", 299.80, "ALPHABET INC-CL C", "COMMON", "US02079K1079"),
    (107113386, "META", "NASDAQ", "NMS", 640.10, "META PLATFORMS INC-CLASS A", "COMMON", "US30303M1027"),
    (8314, "IBM", "NYSE", "IBM", 291.35, "INTL BUSINESS MACHINES CORP", "COMMON", "US4592001014"),
    (1520593, "JPM", "NYSE", "JPM", 310.90, "JPMORGAN CHASE & CO", "COMMON", "US46625H1005"),
    (9599491, "F", "NYSE", "F", 12.64, "FORD MOTOR CO", "COMMON", "US3453708600"),
    (8894, "KO", "NYSE", "KO", 70.25, "COCA-COLA CO/THE", "COMMON", "US1912161007"),
    (756733, "SPY", "ARCA", "SPY", 690.20, "SPDR S&P 500 ETF TRUST", "ETF", "US78462F1030"),
    (320227571, "QQQ", "NASDAQ", "NMS", 620.75, "INVESCO QQQ TRUST SERIES 1", "ETF", "US46090E1038"),
)
# conId, base, quote, price
_PAIRS: Final = (
    (12087792, "EUR", "USD", 1.17250),
    (12087797, "GBP", "USD", 1.34420),
    (15016059, "USD", "JPY", 155.210),
    (14433401, "AUD", "USD", 0.66140),
    (12087802, "EUR", "GBP", 0.87230),
)
# conId, symbol, exchange, price, name
_INDICES: Final = (
    (416904, "SPX", "CBOE", 6952.0, "S&P 500 Stock Index"),
    (13455763, "VIX", "CBOE", 17.2, "CBOE Volatility Index"),
    (416843, "NDX", "NASDAQ", 25040.0, "NASDAQ 100 Stock Index"),
)
# symbol, exchange, multiplier, tick, price, name, underlying conId, rule, months
_FUTURES: Final = (
    ("ES", "CME", "50", 0.25, 6961.0, "E-mini S&P 500", 11004968, 67, (3, 6, 9, 12)),
    ("MES", "CME", "5", 0.25, 6961.0, "Micro E-Mini S&P 500 Stock Price Index", 362673777, 67, (3, 6, 9, 12)),
    ("NQ", "CME", "20", 0.25, 25075.0, "E-mini NASDAQ 100", 11004958, 67, (3, 6, 9, 12)),
    ("CL", "NYMEX", "1000", 0.01, 61.30, "Light Sweet Crude Oil", 17340715, 32, tuple(range(1, 13))),
    ("SI", "COMEX", "5000", 0.005, 50.40, "Silver", 17340721, 239, (3, 5, 7, 9, 12)),
    ("SI", "COMEX", "1000", 0.005, 50.40, "Micro Silver", 17340721, 239, (3, 5, 7, 9, 12)),
    ("GC", "COMEX", "100", 0.10, 4120.0, "Gold", 17340718, 239, (2, 4, 6, 8, 10, 12)),
)
_KNOWN_FUTURES: Final = {("ES", "20250919"): 637533641, ("MES", "20260618"): 770561194}


def build(today: date, *, full: bool = False) -> Catalogue:
    """The whole catalogue as of a day; `full` with a chain of SPX options as large as the real one."""
    catalogue = Catalogue()
    for row in _STOCKS:
        catalogue.add(_stock(*row))
    for con_id, base, quote, price in _PAIRS:
        catalogue.add(_pair(con_id, base, quote, price))
    for con_id, symbol, exchange, price, name in _INDICES:
        catalogue.add(_index(con_id, symbol, exchange, price, name))
    for instrument in _others():
        catalogue.add(instrument)
    for row in _FUTURES:
        _add_futures(catalogue, today, *row)
    for symbol, step in (("AAPL", 5.0), ("SPY", 5.0), ("TSLA", 10.0), ("SPX", 50.0)):
        under = (catalogue.underlying(symbol, "STK") + catalogue.underlying(symbol, "IND"))[0]
        _add_options(catalogue, today, under, step)
    if full:
        _add_full_chain(catalogue, today, catalogue.underlying("SPX", "IND")[0])
    for future in catalogue.underlying("ES", "FUT")[:2]:
        _add_future_options(catalogue, future, 50.0)
    return catalogue


def _stock(
    con_id: int, symbol: str, exchange: str, trading_class: str, price: float, name: str, kind: str, isin: str
) -> Instrument:
    return Instrument(
        con_id=con_id,
        symbol=symbol,
        sec_type="STK",
        exchange=exchange,
        currency="USD",
        local_symbol=symbol,
        trading_class=trading_class,
        min_tick=0.01,
        price=price,
        long_name=name,
        valid_exchanges=US_EXCHANGES,
        stock_type=kind,
        isin=isin,
        industry="Technology" if trading_class == "NMS" else "Consumer, Cyclical",
        category="Computers",
        subcategory="Computers",
        spread=1 if price < 100 else 2,
        size_unit=Decimal("0.0001"),
    )


def _pair(con_id: int, base: str, quote: str, price: float) -> Instrument:
    return Instrument(
        con_id=con_id,
        symbol=base,
        sec_type="CASH",
        exchange="IDEALPRO",
        currency=quote,
        local_symbol=f"{base}.{quote}",
        trading_class=f"{base}.{quote}",
        min_tick=0.005 if quote == "JPY" else 0.00005,
        price=price,
        long_name=f"{base}.{quote}",
        valid_exchanges=("IDEALPRO", "SMART"),
        hours="forex",
        lot=1_000_000,
        size_unit=Decimal("0.01"),
        volatility=0.08,
        market_rule=239,
    )


def _index(con_id: int, symbol: str, exchange: str, price: float, name: str) -> Instrument:
    return Instrument(
        con_id=con_id,
        symbol=symbol,
        sec_type="IND",
        exchange=exchange,
        currency="USD",
        local_symbol=symbol,
        trading_class=symbol,
        min_tick=0.01,
        price=price,
        long_name=name,
        valid_exchanges=(exchange,),
        tradable=False,
        quoted=False,
        volatility=0.15,
        time_zone="US/Central" if exchange == "CBOE" else "US/Eastern",
    )


def _others() -> list[Instrument]:
    def listed(
        con_id: int, symbol: str, sec_type: str, exchange: str, tick: float, price: float, **rest: object
    ) -> Instrument:
        head = {"con_id": con_id, "symbol": symbol, "sec_type": sec_type, "exchange": exchange}
        usual = {"currency": "USD", "local_symbol": symbol, "trading_class": symbol, "long_name": symbol}
        return msgspec.convert(head | {"min_tick": tick, "price": price} | usual | rest, Instrument)

    coin = {"hours": "always", "lot": 1, "size_unit": Decimal("0.00000001"), "volatility": 0.5, "spread": 20}
    metal = {"hours": "forex", "lot": 100, "valid_exchanges": ("SMART", "IBCMDTY"), "volatility": 0.15}
    bond = {"lot": 50, "valid_exchanges": ("SMART",), "volatility": 0.03, "spread": 8}
    return [
        listed(479624278, "BTC", "CRYPTO", "PAXOS", 0.25, 95120.0, local_symbol="BTC.USD",
               trading_class="BTC", valid_exchanges=("PAXOS", "ZEROHASH"), long_name="Bitcoin", **coin),
        listed(495759171, "ETH", "CRYPTO", "PAXOS", 0.01, 3310.0, local_symbol="ETH.USD",
               trading_class="ETH", valid_exchanges=("PAXOS", "ZEROHASH"), long_name="Ethereum", **coin),
        listed(69067924, "XAUUSD", "CMDTY", "IBCMDTY", 0.01, 4118.4, long_name="London Gold", **metal),
        listed(77124483, "XAGUSD", "CMDTY", "IBCMDTY", 0.001, 50.12, long_name="London Silver", **metal),
        listed(111987422, "IBUS500", "CFD", "SMART", 0.01, 6955.0, valid_exchanges=("SMART",),
               long_name="US 500", lot=10, spread=50, hours="us_future"),
        listed(120549942, "AAPL", "CFD", "SMART", 0.01, 265.18, valid_exchanges=("SMART",),
               long_name="APPLE INC", under_con_id=265598, under_symbol="AAPL", under_sec_type="STK",
               spread=2),
        listed(267433416, "US-T", "BOND", "SMART", 0.001, 98.75, local_symbol="US-T 4 02/15/34",
               trading_class="US-T", cusip="912828C57", expiry="20340215", coupon=4,
               long_name="United States Treasury", **bond),
        listed(147554578, "IBM", "BOND", "SMART", 0.001, 101.30, local_symbol="IBM 6.22 08/01/27",
               trading_class="IBM", cusip="459200AS0", expiry="20270801", coupon=6.22,
               long_name="INTL BUSINESS MACHINES CORP", **bond),
        listed(10753244, "VINIX", "FUND", "FUNDSERV", 0.01, 402.17, valid_exchanges=("FUNDSERV",),
               quoted=False, long_name="VANGUARD INSTITUTIONAL INDEX", size_unit=Decimal("0.001")),
        listed(135165029, "KWEB", "STK", "ARCA", 0.01, 34.20, valid_exchanges=("SMART", "ARCA", "NASDAQ"),
               trading_class="KWEB", long_name="KRANESHARES CSI CHINA INTERNET ETF", stock_type="ETF",
               isin="US5007673065", size_unit=Decimal("0.0001")),
        listed(312171930, "KWEB", "STK", "LSEETF", 0.005, 22.15, valid_exchanges=("SMART", "LSEETF"),
               trading_class="ETF2", long_name="KRANESHARES CSI CHINA INTERNET UCITS ETF", stock_type="ETF",
               isin="IE00BFXR7892", hours="xetra", time_zone="GB"),
        listed(14204, "SAP", "STK", "IBIS", 0.02, 208.40, currency="EUR", trading_class="XETRA",
               valid_exchanges=("SMART", "IBIS", "FWB"), long_name="SAP SE", stock_type="COMMON",
               isin="DE0007164600", hours="xetra", time_zone="MET"),
    ]  # fmt: skip


def third_friday(year: int, month: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(4 - first.weekday()) % 7 + 14)


def _months(today: date, months: tuple[int, ...], count: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    year, month = today.year, today.month
    while len(found) < count:
        if month in months and third_friday(year, month) >= today:
            found.append((year, month))
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return found


def _add_futures(
    catalogue: Catalogue,
    today: date,
    symbol: str,
    exchange: str,
    multiplier: str,
    tick: float,
    price: float,
    name: str,
    under: int,
    rule: int,
    months: tuple[int, ...],
) -> None:
    trading_class = "SIL" if (symbol, multiplier) == ("SI", "1000") else symbol
    for nth, (year, month) in enumerate(_months(today, months, 4)):
        last_day = third_friday(year, month)
        if (last_day.month, last_day.day) == (6, 19):
            last_day -= timedelta(days=1)  # a US holiday: the captured June 2026 contract ends on the 18th
        expiry = last_day.strftime("%Y%m%d")
        catalogue.add(
            Instrument(
                con_id=_KNOWN_FUTURES.get((symbol, expiry)) or derived_con_id("FUT", trading_class, expiry),
                symbol=symbol,
                sec_type="FUT",
                exchange=exchange,
                currency="USD",
                local_symbol=f"{trading_class}{_MONTHS[month - 1]}{year % 10}",
                trading_class=trading_class,
                min_tick=tick,
                price=round(price * (1 + 0.01 * nth) / tick) * tick,
                long_name=name,
                valid_exchanges=(exchange, "QBALGO"),
                multiplier=multiplier,
                expiry=expiry,
                contract_month=f"{year}{month:02d}",
                under_con_id=under,
                under_symbol=symbol,
                under_sec_type="IND",
                hours="us_future",
                time_zone="US/Central" if exchange == "CME" else "US/Eastern",
                lot=20,
                volatility=0.16,
                market_rule=rule,
            )
        )


def _add_options(catalogue: Catalogue, today: date, under: Instrument, step: float) -> None:
    middle = round(under.price / step) * step
    fridays = [today + timedelta(days=(4 - today.weekday()) % 7 + 7 * week) for week in range(1, 3)]
    monthly = [third_friday(y, m) for y, m in _months(today, tuple(range(1, 13)), 4)]
    for day in sorted(set(fridays + monthly)):
        for nth in range(-10, 11):
            for right in ("C", "P"):
                catalogue.add(_option(under, day, middle + nth * step, right))


def _add_full_chain(catalogue: Catalogue, today: date, under: Instrument) -> None:
    """SPX's size: an expiry every weekday for six weeks, then monthly; strikes of 5 points, wide ones of 25.
    Expiries beside the third Friday are of the class SPXW.
    """
    days = [today + timedelta(days=n) for n in range(42) if (today + timedelta(days=n)).weekday() < 5]
    monthly = {third_friday(y, m) for y, m in _months(today, tuple(range(1, 13)), 12)}
    middle = round(under.price / 25) * 25
    near = {middle + 5.0 * n for n in range(-80, 81)}
    wide = {middle + 25.0 * n for n in range(-140, 61)}
    for day in sorted(set(days) | monthly):
        trading_class = "SPX" if day in monthly else "SPXW"
        for strike in sorted(near | wide):
            for right in ("C", "P"):
                catalogue.add(_option(under, day, strike, right, trading_class))


def _option(under: Instrument, day: date, strike: float, right: str, trading_class: str = "") -> Instrument:
    trading_class = trading_class or under.symbol
    local = f"{trading_class:<6}{day:%y%m%d}{right}{round(strike * 1000):08d}"
    return Instrument(
        con_id=derived_con_id("OPT", local),
        symbol=under.symbol,
        sec_type="OPT",
        exchange="SMART",
        currency=under.currency,
        local_symbol=local,
        trading_class=trading_class,
        min_tick=0.01 if under.sec_type == "STK" else 0.05,
        price=0.0,
        long_name=under.long_name,
        valid_exchanges=("SMART", "AMEX", "CBOE", "PHLX", "ISE", "BOX", "BATS"),
        multiplier="100",
        expiry=day.strftime("%Y%m%d"),
        contract_month=day.strftime("%Y%m"),
        strike=strike,
        right=right,
        under_con_id=under.con_id,
        under_symbol=under.symbol,
        under_sec_type=under.sec_type,
        lot=20,
        spread=3,
        market_rule=32 if under.sec_type == "STK" else 109,
    )


def _add_future_options(catalogue: Catalogue, future: Instrument, step: float) -> None:
    middle = round(future.price / step) * step
    for nth in range(-10, 11):
        for right in ("C", "P"):
            strike = middle + nth * step
            local = f"{future.local_symbol} {right}{strike:g}"
            catalogue.add(
                Instrument(
                    con_id=derived_con_id("FOP", future.expiry, local),
                    symbol=future.symbol,
                    sec_type="FOP",
                    exchange=future.exchange,
                    currency="USD",
                    local_symbol=local,
                    trading_class=future.symbol,
                    min_tick=0.25,
                    price=0.0,
                    long_name=future.long_name,
                    valid_exchanges=(future.exchange,),
                    multiplier=future.multiplier,
                    expiry=future.expiry,
                    contract_month=future.contract_month,
                    strike=strike,
                    right=right,
                    under_con_id=future.con_id,
                    under_symbol=future.local_symbol,
                    under_sec_type="FUT",
                    hours="us_future",
                    time_zone=future.time_zone,
                    lot=10,
                    spread=2,
                    market_rule=67,
                )
            )
