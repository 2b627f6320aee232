"""Every reader of a gateway's or client's date, with each year that can be written and with rubbish: it
answers at once, with what fits into 64 bits and into a message, or with none. What it raised would end its
process, and again after each start, since the gateway says the same again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st
from twsmq_nodes.history.jobs import _session_time  # pyright: ignore[reportPrivateUsage]
from twsmq_nodes.history.plan import before, duration, head_time, next_day, reach, utc
from twsmq_nodes.marketdata.data.quotes import _seconds  # pyright: ignore[reportPrivateUsage]
from twsmq_nodes.marketdata.hours import day_ends, known_until, parse_hours
from twsmq_nodes.orders.attributes import same_moment
from twsmq_nodes.orders.reconciliation.times import covers
from twsmq_nodes.reference.hours import sessions
from twsmq_nodes.reference.news_questions import _headline_ns, _news_time  # pyright: ignore[reportPrivateUsage]
from twsmq_nodes.tws.gateway_times import bar_time, execution_time_ns, gateway_offset_s, iana_name, zone_of

NOW = 1_790_000_000 * 10**9
LONGEST_CLIENT_NS = 2**63 - 1

years = st.integers(0, 9999) | st.sampled_from((0, 1, 1582, 1677, 1697, 1969, 2038, 2242, 2262, 2263, 9999))
days = st.builds("{:04}{:02}{:02}".format, years, st.integers(0, 13), st.integers(0, 32))
clocks = st.builds("{:02}:{:02}:{:02}".format, st.integers(0, 25), st.integers(0, 61), st.integers(0, 61))
rubbish = st.text(max_size=20) | st.sampled_from(
    ("\0", "..", "/", "../../etc/passwd", "²", "١٢٣", "a" * 5000, "\ud800")
)
zones = rubbish | st.sampled_from(
    ("", "UTC", "US/Eastern", "Asia/Tokyo", "Pacific/Kiritimati", "+23:59", "GMT-23:59", "UTC+99:99", "CEST",
     "Central European Standard Time", "EST (Eastern Standard Time)", "posixrules", "America",
     "Europe/London Time")
)  # fmt: skip
numbers = (st.integers(-(2**70), 2**70) | st.sampled_from((2**31, 2**33, 2**62, 2**63, 2**64))).map(str)
texts = (
    rubbish
    | days
    | numbers
    | st.just("9" * 5000)
    | st.builds(
        "{}{}{}{}".format, days, st.sampled_from(("-", " ", "  ", "T")), clocks, zones.map(" {}".format)
    )
    | st.builds("{}-{}".format, days, clocks)
    | st.builds("{:04}-{:02}-{:02} {}.0".format, years, st.integers(0, 13), st.integers(0, 32), clocks)
)
minutes = st.builds("{:02}{:02}".format, st.integers(0, 25), st.integers(0, 61)) | st.just("CLOSED") | rubbish
spans = st.builds("{}:{}-{}:{}".format, days | rubbish, minutes, days | rubbish, minutes) | st.builds(
    "{}:{}".format, days, minutes
)
hours = st.lists(spans | rubbish, max_size=4).map(";".join)

READERS: dict[str, Callable[[str, str], Any]] = {
    "execution": lambda text, zone: execution_time_ns(text, (zone, -6 * 3600)),
    "handshake": lambda text, zone: gateway_offset_s(text, NOW),
    "handshake's zone": lambda text, zone: zone_of(text),
    "zone": lambda text, zone: iana_name(zone),
    "bar": lambda text, zone: bar_time(text),
    "tick": lambda text, zone: _seconds(text),
    "head": lambda text, zone: head_time(text),
    "session": _session_time,
    "headline": lambda text, zone: _headline_ns(text),
    "good after": same_moment,
}
"""By what is read: its text, and a zone where it stands apart."""


def fits(value: object) -> bool:
    return not isinstance(value, int) or -(2**63) <= value < 2**63


@given(texts, zones)
def test_a_date_is_a_moment_that_fits_or_none(text: str, zone: str) -> None:
    for name, read in READERS.items():
        assert fits(read(text, zone)), name


@given(hours, zones)
@example("00010101:0000-00010101:2400", "Pacific/Kiritimati")
@example("99991231:0000-99991231:2400", "GMT-23:59")
def test_so_are_trading_hours(text: str, zone: str) -> None:
    assert fits(known_until(text, zone))
    assert all(fits(moment) for span in parse_hours(text, zone) for moment in span)
    msgspec.msgpack.encode(sessions(text, zone)[0])
    assert day_ends(NOW / 1e9, zone) > NOW / 1e9


@given(
    st.integers(0, LONGEST_CLIENT_NS) | st.sampled_from((0, 1, LONGEST_CLIENT_NS)),
    st.integers(0, LONGEST_CLIENT_NS),
    st.sampled_from(("1s", "30s", "1m", "1d", "1w", "1mo")),
    st.integers(1, 9999),
    st.sampled_from("SDWMY"),
)
def test_what_a_client_asks_for_is_written_whatever_its_moment(
    begin: int, end: int, size: str, count: int, unit: str
) -> None:
    begin, end = sorted((begin, end))
    for moment in (begin, end, reach(size, end), next_day(end), before(end, f"{count}{unit}")):
        assert moment >= 0
        assert utc(moment)
        assert _news_time(moment)
    assert duration(size, begin, end)
    covers(begin, end, None)
