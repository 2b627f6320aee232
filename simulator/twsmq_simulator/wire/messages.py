"""Messages from the gateway about the session, the account and instruments, by negotiated version.

Field counts: IBKR's decoders at every version from 157 to 200; contents: captured conversations where there
are any. Messages of orders are in `order_messages`, those of market data in `tick_messages` and
`history_messages`.
"""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from twsmq_simulator.market.hours import describe
from twsmq_simulator.market.instruments import Instrument
from twsmq_simulator.wire import versions
from twsmq_simulator.wire.fields import Field, frame, message
from twsmq_simulator.wire.zones import CAPTURED, Zones

ORDER_TYPES = (
    "ACTIVETIM,AD,ADJUST,ALERT,ALGO,ALLOC,AON,AVGCOST,BASKET,COND,CONDORDER,DAY,FOK,GAT,GTC,GTD,GTT,HID,IOC,LIT,LMT,"
    "LOC,MIT,MKT,MOC,MTL,OCA,OPG,PEGMID,REL,SCALE,SNAPMID,SNAPMKT,STP,STPLMT,TRAIL,TRAILLMT,WHATIF"
)
_EASTERN = ZoneInfo("America/New_York")


def handshake(version: int, ns: int, zones: Zones = CAPTURED) -> bytes:
    """The answer to a client's opening: the version both speak and the connection time."""
    now = datetime.fromtimestamp(ns / 1e9, UTC).astimezone(_EASTERN)
    return frame(f"{version}\0{now:%Y%m%d %H:%M:%S} {zones.name('EST')}\0".encode("ascii"))


def error(version: int, request_id: int, code: int, text: str, ns: int, advanced: str = "") -> bytes:
    fields: list[Field] = [4] if version >= versions.ERROR_TIME else [4, 2]
    fields += [request_id, code, text]
    if version >= versions.ADVANCED_ORDER_REJECT:
        fields.append(advanced)
    if version >= versions.ERROR_TIME:
        fields.append(ns // 1_000_000)
    return message(*fields)


def managed_accounts(accounts: str) -> bytes:
    return message(15, 1, accounts)


def next_valid_id(order_id: int) -> bytes:
    return message(9, 1, order_id)


def current_time(ns: int) -> bytes:
    return message(49, 1, ns // 1_000_000_000)


def current_time_millis(ns: int) -> bytes:
    return message(109, ns // 1_000_000)


def open_order_end() -> bytes:
    return message(53, 1)


def completed_orders_end() -> bytes:
    return message(102)


def execution_details_end(request_id: int) -> bytes:
    return message(55, 1, request_id)


def contract_details(
    version: int, request_id: int, i: Instrument, exchange: str, ns: int, zones: Zones = CAPTURED
) -> bytes:
    """contractDetails (10) or, for bonds, bondContractDetails (18)."""
    if i.sec_type == "BOND":
        return _bond_details(version, request_id, i, exchange, ns, zones)
    fields: list[Field] = [10] if version >= versions.SIZE_RULES else [10, 8]
    fields += [request_id, i.symbol, i.sec_type, i.expiry]
    if version >= versions.LAST_TRADE_DATE:
        fields.append(i.expiry)
    fields += [i.strike or 0, i.right, exchange, i.currency, i.local_symbol, i.trading_class, i.trading_class]
    fields += [i.con_id, i.min_tick]
    if version < versions.SIZE_RULES:
        fields.append(100 if i.sec_type == "STK" and version < versions.MARKET_DATA_IN_SHARES else 1)
    fields += [i.multiplier, ORDER_TYPES, ",".join(i.valid_exchanges), 1, i.under_con_id, i.long_name]
    fields += [i.exchange if i.sec_type in ("STK", "IND") else "", i.contract_month]
    fields += [
        i.industry,
        i.category,
        i.subcategory,
        zones.name(i.time_zone),
        *describe(i.hours, ns, i.time_zone),
        "",
        "",
    ]
    fields += [1, "ISIN", i.isin] if i.isin else [0]
    fields += [1 if i.sec_type == "STK" else 2147483647, i.under_symbol, i.under_sec_type]
    fields += [",".join([str(i.market_rule)] * len(i.valid_exchanges)), i.expiry, i.stock_type]
    if version == versions.FRACTIONAL_SIZES:
        fields.append(i.size_unit)
    fields += _size_rules(version, i)
    if version >= versions.FUND_DATA and i.sec_type == "FUND":
        fields += [i.long_name, "Vanguard", "Equity", "", "", "", "0.035", False, False, False]
        fields += ["", "5000000", "1", "", "", "N", "001"]
    if version >= versions.INELIGIBILITY_REASONS:
        fields.append(0)
    return message(*fields)


def _size_rules(version: int, i: Instrument) -> list[Field]:
    if version < versions.SIZE_RULES:
        return []
    step = Decimal(100) if i.sec_type == "STK" else i.size_unit
    return [i.size_unit, i.size_unit, step]


def _bond_details(
    version: int, request_id: int, i: Instrument, exchange: str, ns: int, zones: Zones
) -> bytes:
    fields: list[Field] = [18] if version >= versions.SIZE_RULES else [18, 6]
    fields += [
        request_id,
        i.symbol,
        i.sec_type,
        i.cusip,
        Decimal(str(i.coupon)),
        i.expiry,
        "",
        "",
        "",
        "FIXED",
    ]
    fields += [False, False, False, i.local_symbol, exchange, i.currency, i.trading_class, i.trading_class]
    fields += [i.con_id, i.min_tick]
    if version < versions.SIZE_RULES:
        fields.append(1)
    fields += [ORDER_TYPES, ",".join(i.valid_exchanges), "", "", False, "", i.long_name]
    if version >= versions.BOND_TRADING_HOURS:
        fields += [zones.name(i.time_zone), *describe(i.hours, ns, i.time_zone)]
    fields += ["", "", 0, 2147483647, str(i.market_rule)]
    fields += _size_rules(version, i)
    return message(*fields)


def contract_details_end(request_id: int) -> bytes:
    return message(52, 1, request_id)


def _position_contract(i: Instrument) -> list[Field]:
    """Position rows name the listing exchange for stocks and none otherwise (captured at 173)."""
    exchange = i.exchange if i.sec_type == "STK" else ""
    return [
        i.shown_con_id,
        i.symbol,
        i.sec_type,
        i.expiry,
        float(i.strike),
        i.right,
        i.multiplier,
        exchange,
        i.currency,
        i.local_symbol,
        i.trading_class,
    ]


def position(account: str, i: Instrument, quantity: Decimal, cost: float) -> bytes:
    return message(61, 3, account, *_position_contract(i), quantity, cost)


def position_end() -> bytes:
    return message(62, 1)


def position_multi(
    request_id: int, account: str, model: str, i: Instrument, quantity: Decimal, cost: float
) -> bytes:
    return message(71, 1, request_id, account, *_position_contract(i), quantity, cost, model)


def position_multi_end(request_id: int) -> bytes:
    return message(72, 1, request_id)


def account_summary(request_id: int, account: str, tag: str, value: str, currency: str) -> bytes:
    return message(63, 1, request_id, account, tag, value, currency)


def account_summary_end(request_id: int) -> bytes:
    return message(64, 1, request_id)


def account_value(key: str, value: str, currency: str, account: str) -> bytes:
    return message(6, 2, key, value, currency, account)


def account_update_time(ns: int) -> bytes:
    now = datetime.fromtimestamp(ns / 1e9, UTC).astimezone(_EASTERN)
    return message(8, 1, f"{now:%H:%M}")


def account_download_end(account: str) -> bytes:
    return message(54, 1, account)


def account_update_multi(
    request_id: int, account: str, model: str, key: str, value: str, currency: str
) -> bytes:
    return message(73, 1, request_id, account, model, key, value, currency)


def account_update_multi_end(request_id: int) -> bytes:
    return message(74, 1, request_id)


def portfolio_value(
    i: Instrument,
    quantity: Decimal,
    price: float,
    value: float,
    cost: float,
    unrealized: float,
    realized: float,
    account: str,
) -> bytes:
    contract = _position_contract(i)
    contract[7] = i.exchange  # here it is the primary exchange
    return message(7, 8, *contract, quantity, price, value, cost, unrealized, realized, account)


def profit_and_loss(request_id: int, daily: float, unrealized: float, realized: float) -> bytes:
    return message(94, request_id, daily, unrealized, realized)


def profit_and_loss_single(
    request_id: int, quantity: Decimal, daily: float, unrealized: float, realized: float, value: float
) -> bytes:
    return message(95, request_id, quantity, daily, unrealized, realized, value)


def market_rule(rule_id: int, increments: list[tuple[float, float]]) -> bytes:
    flat = [edge for pair in increments for edge in pair]
    return message(93, rule_id, len(increments), *flat)


def smart_components(request_id: int, exchanges: list[tuple[int, str, str]]) -> bytes:
    flat: list[Field] = [field for row in exchanges for field in row]
    return message(82, request_id, len(exchanges), *flat)


def depth_exchanges(rows: list[tuple[str, str, str, str, int]]) -> bytes:
    flat: list[Field] = [field for row in rows for field in row]
    return message(80, len(rows), *flat)


def symbol_samples(version: int, request_id: int, found: list[tuple[Instrument, list[str]]]) -> bytes:
    fields: list[Field] = [79, request_id, len(found)]
    for i, derivatives in found:
        listed = "NASDAQ.NMS" if i.market == "NASDAQ.NMS" else i.exchange  # as users have it in their files
        fields += [i.con_id, i.symbol, i.sec_type, listed, i.currency, len(derivatives), *derivatives]
        if version >= versions.BOND_ISSUER_ID:
            fields += [i.long_name, ""]
    return message(*fields)


def option_parameters(
    request_id: int,
    exchange: str,
    under_con_id: int,
    i: Instrument,
    expirations: list[str],
    strikes: list[float],
) -> bytes:
    fields: list[Field] = [75, request_id, exchange, under_con_id, i.trading_class, i.multiplier]
    return message(*fields, len(expirations), *expirations, len(strikes), *strikes)


def option_parameters_end(request_id: int) -> bytes:
    return message(76, request_id)


def soft_dollar_tiers(request_id: int, tiers: list[tuple[str, str, str]]) -> bytes:
    flat: list[Field] = [field for tier in tiers for field in tier]
    return message(77, request_id, len(tiers), *flat)


def family_codes(codes: list[tuple[str, str]]) -> bytes:
    flat: list[Field] = [field for row in codes for field in row]
    return message(78, len(codes), *flat)


def user_info(request_id: int, branding: str) -> bytes:
    return message(107, request_id, branding)


def display_groups(request_id: int, groups: str) -> bytes:
    return message(67, 1, request_id, groups)


def display_group_updated(request_id: int, contract_info: str) -> bytes:
    return message(68, 1, request_id, contract_info)


def receive_fa(kind: int, xml: str) -> bytes:
    return message(16, 1, kind, xml)


def fundamental_data(request_id: int, xml: str) -> bytes:
    return message(51, 1, request_id, xml)


def replace_fa_end(request_id: int, text: str) -> bytes:
    return message(103, request_id, text)


def scanner_parameters(xml: str) -> bytes:
    return message(19, 1, xml)


def scanner_data(request_id: int, rows: list[Instrument]) -> bytes:
    fields: list[Field] = [20, 3, request_id, len(rows)]
    for rank, i in enumerate(rows):
        fields += [
            rank,
            i.con_id,
            i.symbol,
            i.sec_type,
            i.expiry,
            i.strike or 0,
            i.right,
            "SMART",
            i.currency,
        ]
        fields += [i.local_symbol, i.trading_class, i.trading_class, "", "", "", ""]
    return message(*fields)


def news_providers(providers: list[tuple[str, str]]) -> bytes:
    flat: list[Field] = [field for row in providers for field in row]
    return message(85, len(providers), *flat)


def news_article(request_id: int, kind: int, text: str) -> bytes:
    return message(83, request_id, kind, text)


def historical_news(request_id: int, time: str, provider: str, article: str, headline: str) -> bytes:
    return message(86, request_id, time, provider, article, headline)


def historical_news_end(request_id: int, *, more: bool) -> bytes:
    return message(87, request_id, more)


def news_bulletin(bulletin_id: int, kind: int, text: str, exchange: str) -> bytes:
    return message(14, 1, bulletin_id, kind, text, exchange)


def order_bound(perm_id: int, client_id: int, order_id: int) -> bytes:
    return message(100, perm_id, client_id, order_id)


def wsh_meta_data(request_id: int, json: str) -> bytes:
    return message(104, request_id, json)


def wsh_event_data(request_id: int, json: str) -> bytes:
    return message(105, request_id, json)
