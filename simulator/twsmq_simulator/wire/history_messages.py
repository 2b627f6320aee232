"""Messages of the past: bars, ticks, schedules, histograms.

Before version 196 the end of a bar query is in its message 17, from then on it is message 108 of its own.
Times are the instrument's, with the zone's name from version 174 on ("20261001 09:30:00 US/Eastern") and with
two spaces and no zone before ("20230413  16:31:22"); days are yyyymmdd for either date format (captured).
Volumes of US stocks are in shares from version 175 on and in round lots before.
"""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from twsmq_simulator.market.history import DAY, Bar, Span
from twsmq_simulator.market.hours import SESSIONS, trading_day
from twsmq_simulator.market.instruments import Instrument
from twsmq_simulator.wire import versions
from twsmq_simulator.wire.fields import Field, message


def local(i: Instrument, ns: int) -> datetime:
    return datetime.fromtimestamp(ns / 1e9, UTC).astimezone(ZoneInfo(SESSIONS[i.hours].zone))


def time_text(version: int, i: Instrument, ns: int) -> str:
    moment = local(i, ns)
    if version >= versions.INSTRUMENT_TIMEZONE:
        return f"{moment:%Y%m%d %H:%M:%S} {i.time_zone}"
    return f"{moment:%Y%m%d  %H:%M:%S}"


def bar_date(version: int, i: Instrument, ns: int, seconds: int, date_format: int) -> str:
    if seconds >= DAY:
        return f"{trading_day(i.hours, ns):%Y%m%d}"
    return str(ns // 1_000_000_000) if date_format == 2 else time_text(version, i, ns)


def bar_volume(version: int, i: Instrument, volume: int) -> Decimal:
    if i.sec_type == "STK" and version < versions.HISTORICAL_VOLUME_IN_SHARES:
        return Decimal(volume // 100)
    return Decimal(volume)


def historical_data(
    version: int, request_id: int, i: Instrument, found: list[Bar], seconds: int, date_format: int, span: Span
) -> bytes:
    """All bars of a query, with or followed by its end."""
    begin, end = time_text(version, i, span.opens), time_text(version, i, span.closes)
    fields: list[Field] = [17, request_id]
    if version < versions.HISTORICAL_DATA_END:
        fields += [begin, end]
    fields.append(len(found))
    for bar in found:
        fields += [bar_date(version, i, bar.start, seconds, date_format)]
        fields += [bar.open, bar.high, bar.low, bar.close, bar_volume(version, i, bar.volume)]
        fields += [bar.average, bar.count]
    data = message(*fields)
    if version >= versions.HISTORICAL_DATA_END:
        data += message(108, request_id, begin, end)
    return data


def historical_update(
    version: int, request_id: int, i: Instrument, bar: Bar, seconds: int, date_format: int
) -> bytes:
    date = bar_date(version, i, bar.start, seconds, date_format)
    volume = bar_volume(version, i, bar.volume)
    return message(
        90, request_id, bar.count, date, bar.open, bar.close, bar.high, bar.low, bar.average, volume
    )


def schedule(request_id: int, i: Instrument, spans: list[Span]) -> bytes:
    rows: list[Field] = []
    for span in spans:
        rows += [f"{local(i, span.opens):%Y%m%d-%H:%M:%S}", f"{local(i, span.closes):%Y%m%d-%H:%M:%S}"]
        rows.append(f"{local(i, span.closes):%Y%m%d}")
    begin = rows[0] if rows else ""
    end = rows[-2] if rows else ""
    return message(106, request_id, begin, end, i.time_zone, len(spans), *rows)


def head_timestamp(request_id: int, i: Instrument, ns: int, date_format: int) -> bytes:
    text = str(ns // 1_000_000_000) if date_format == 2 else f"{local(i, ns):%Y%m%d-%H:%M:%S}"
    return message(88, request_id, text)


def histogram(request_id: int, points: list[tuple[float, int]]) -> bytes:
    flat: list[Field] = [field for point in points for field in point]
    return message(89, request_id, len(points), *flat)


def ticks_midpoint(request_id: int, rows: list[tuple[int, float]]) -> bytes:
    fields: list[Field] = []
    for seconds, price in rows:
        fields += [seconds, 0, price, 0]
    return message(96, request_id, len(rows), *fields, True)


def ticks_bid_ask(request_id: int, rows: list[tuple[int, float, float, int, int]]) -> bytes:
    fields: list[Field] = []
    for seconds, bid, ask, bid_size, ask_size in rows:
        fields += [seconds, 0, bid, ask, bid_size, ask_size]
    return message(97, request_id, len(rows), *fields, True)


def ticks_last(request_id: int, rows: list[tuple[int, float, int, str]]) -> bytes:
    fields: list[Field] = []
    for seconds, price, size, exchange in rows:
        fields += [seconds, 0, price, size, exchange, ""]
    return message(98, request_id, len(rows), *fields, True)


def real_time_bar(version: int, request_id: int, i: Instrument, bar: Bar) -> bytes:
    volume = bar_volume(version, i, bar.volume)
    prices = (bar.open, bar.high, bar.low, bar.close)
    return message(50, 3, request_id, bar.start // 1_000_000_000, *prices, volume, bar.average, bar.count)
