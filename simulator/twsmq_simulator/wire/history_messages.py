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
from twsmq_simulator.market.hours import trading_day
from twsmq_simulator.market.instruments import Instrument
from twsmq_simulator.wire import versions
from twsmq_simulator.wire.fields import Field, message
from twsmq_simulator.wire.zones import CAPTURED, Zones

SECOND = 1_000_000_000
TWO = [f"{n:02d}" for n in range(60)]


def local(i: Instrument, ns: int) -> datetime:
    """In the zone that is named beside it, which need not be that of the hours it trades in."""
    return datetime.fromtimestamp(ns / 1e9, UTC).astimezone(ZoneInfo(i.time_zone))


def time_text(version: int, i: Instrument, ns: int, zones: Zones = CAPTURED) -> str:
    moment = local(i, ns)
    if version >= versions.INSTRUMENT_TIMEZONE:
        if zones.style == "utc":
            return zones.text(ns, i.time_zone)
        return f"{moment:%Y%m%d %H:%M:%S} {zones.name(i.time_zone)}"
    return f"{moment:%Y%m%d  %H:%M:%S}"


def bar_date(
    version: int, i: Instrument, ns: int, seconds: int, date_format: int, zones: Zones = CAPTURED
) -> str:
    if seconds >= DAY:
        return f"{trading_day(i.hours, ns):%Y%m%d}"
    return str(ns // SECOND) if date_format == 2 else time_text(version, i, ns, zones)


class Dates:
    """The dates of many bars, made by the hour."""

    def __init__(self, version: int, i: Instrument, seconds: int, date_format: int, zones: Zones) -> None:
        self._instrument = i
        self._days = seconds >= DAY
        self._epoch = date_format == 2
        named = version >= versions.INSTRUMENT_TIMEZONE
        utc = named and zones.style == "utc"
        self._tail = f" {zones.name(i.time_zone)}" if named and not utc else ""
        self._gap = "-" if utc else " " if named else "  "
        self._zone = ZoneInfo("UTC") if utc else ZoneInfo(i.time_zone)
        self._heads: dict[int, str] = {}

    def text(self, ns: int) -> str:
        if self._days:
            return f"{trading_day(self._instrument.hours, ns):%Y%m%d}"
        at = ns // SECOND
        if self._epoch:
            return str(at)
        hour, within = divmod(at, 3600)
        head = self._heads.get(hour)
        if head is None:
            moment = datetime.fromtimestamp(hour * 3600, self._zone)
            head = self._heads[hour] = f"{moment:%Y%m%d}{self._gap}{moment:%H}:"
        return f"{head}{TWO[within // 60]}:{TWO[within % 60]}{self._tail}"


class Prices:
    """Prices in ticks as text; most come again and again."""

    def __init__(self, i: Instrument) -> None:
        self._tick = i.min_tick
        self._texts: dict[float, str] = {}

    def text(self, ticks: float) -> str:
        found = self._texts.get(ticks)
        if found is None:
            found = self._texts[ticks] = str(round(ticks * self._tick, 8))
        return found

    def average(self, bar: Bar) -> str:
        return str(round(bar.average * self._tick, 6)) if bar.volume >= 0 else "-1"


def bar_volume(version: int, i: Instrument, volume: int) -> Decimal:
    if i.sec_type == "STK" and version < versions.HISTORICAL_VOLUME_IN_SHARES and volume > 0:
        return Decimal(volume // 100)
    return Decimal(volume)


class HistoricalData:
    """All bars of a query, with or followed by its end. They may be added piece by piece."""

    def __init__(
        self,
        version: int,
        request_id: int,
        i: Instrument,
        seconds: int,
        date_format: int,
        span: Span,
        zones: Zones = CAPTURED,
    ) -> None:
        self._version, self._request_id = version, request_id
        self._begin, self._end = (time_text(version, i, ns, zones) for ns in (span.opens, span.closes))
        self._date, self._price = Dates(version, i, seconds, date_format, zones).text, Prices(i)
        self._lots = i.sec_type == "STK" and version < versions.HISTORICAL_VOLUME_IN_SHARES
        self._rows: list[str] = []

    def add(self, found: list[Bar]) -> None:
        date, text, average, lots = self._date, self._price.text, self._price.average, self._lots
        self._rows += [
            f"{date(bar[0])}\0{text(bar[1])}\0{text(bar[2])}\0{text(bar[3])}\0{text(bar[4])}\0"
            f"{bar[5] // 100 if lots and bar[5] > 0 else bar[5]}\0{average(bar)}\0{bar[7]}"
            for bar in found
        ]

    def __len__(self) -> int:
        return len(self._rows)

    def message(self) -> bytes:
        head = ["17", str(self._request_id)]
        if self._version < versions.HISTORICAL_DATA_END:
            head += [self._begin, self._end]
        head.append(str(len(self._rows)))
        payload = ("\0".join([*head, *self._rows]) + "\0").encode("ascii")
        data = len(payload).to_bytes(4, "big") + payload
        if self._version >= versions.HISTORICAL_DATA_END:
            data += message(108, self._request_id, self._begin, self._end)
        return data


def historical_update(
    version: int,
    request_id: int,
    i: Instrument,
    bar: Bar,
    seconds: int,
    date_format: int,
    zones: Zones = CAPTURED,
) -> bytes:
    date, price = bar_date(version, i, bar.start, seconds, date_format, zones), Prices(i)
    o, h, low, c = (price.text(ticks) for ticks in bar[1:5])
    return message(
        90, request_id, bar.trades, date, o, c, h, low, price.average(bar), bar_volume(version, i, bar.volume)
    )


def schedule(request_id: int, i: Instrument, spans: list[Span], zones: Zones = CAPTURED) -> bytes:
    rows: list[Field] = []
    for span in spans:
        rows += [f"{local(i, span.opens):%Y%m%d-%H:%M:%S}", f"{local(i, span.closes):%Y%m%d-%H:%M:%S}"]
        rows.append(f"{local(i, span.closes):%Y%m%d}")
    begin = rows[0] if rows else ""
    end = rows[-2] if rows else ""
    return message(106, request_id, begin, end, zones.name(i.time_zone), len(spans), *rows)


def head_timestamp(request_id: int, i: Instrument, ns: int, date_format: int) -> bytes:
    """In UTC, whatever the instrument's zone (captured: 19801212-14:30:00)."""
    del i
    moment = datetime.fromtimestamp(ns // SECOND, UTC)
    text = str(ns // SECOND) if date_format == 2 else f"{moment:%Y%m%d-%H:%M:%S}"
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
    price = Prices(i)
    prices = [price.text(ticks) for ticks in bar[1:5]]
    volume = bar_volume(version, i, bar.volume)
    return message(50, 3, request_id, bar.start // SECOND, *prices, volume, price.average(bar), bar.trades)
