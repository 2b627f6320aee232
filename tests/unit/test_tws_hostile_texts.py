"""Numbers and times in a gateway's texts: whatever stands there, it is read at once, and what comes out can
be stored and sent on. One that is not would end the process, and again after each start.
"""

from __future__ import annotations

from itertools import count

import msgspec
import pytest
from support.orders_desk import Desk
from support.orders_reports import execution
from support.reference_core import info
from twsmq_nodes.history import columns
from twsmq_nodes.history.plan import head_time
from twsmq_nodes.marketdata.hours import known_until, parse_hours
from twsmq_nodes.orders.entries import to_row
from twsmq_nodes.reference import contract_questions
from twsmq_nodes.reference.core import ReferenceCore
from twsmq_nodes.reference.events import Asked
from twsmq_nodes.reference.hours import sessions
from twsmq_nodes.tws.adapter import Codec
from twsmq_nodes.tws.calls import Send
from twsmq_nodes.tws.core import SessionCore
from twsmq_nodes.tws.core_events import Connected, HandshakeReceived, Open
from twsmq_nodes.tws.events import GatewayError, ManagedAccounts, NextValidId
from twsmq_nodes.tws.gateway_times import bar_time, execution_time_ns, gateway_offset_s
from twsmq_nodes.tws.reference_events import (
    ContractDetailsEnd,
    ContractDetailsReceived,
    HistoricalBarColumns,
    HistoricalBars,
)
from twsmq_nodes.tws.reference_requests import ReqMarketRule
from twsmq_protocol.order_events import Fill
from twsmq_protocol.reference_requests import GetMarketRule

DAYS = ("99991231", "00010101", "22630101", "16000101")
NUMBERS = ("9" * 20, "9223372036854775807", "9223372036854775808", str(2**62), str(-(2**70)), "9" * 5000)
ZONES = ("UTC", "US/Eastern", "Asia/Tokyo", "+23:59", "GMT-23:59")


def fits(value: object) -> bool:
    return value is None or (isinstance(value, int) and -(2**63) <= value < 2**63)


@pytest.mark.parametrize("text", DAYS + NUMBERS)
def test_the_time_of_a_bar_fits_into_64_bits_or_is_none(text: str) -> None:
    for read in (bar_time, head_time):
        assert fits(read(text)), read


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize("zone", ZONES)
def test_so_do_those_of_executions_and_hours(day: str, zone: str) -> None:
    assert fits(execution_time_ns(f"{day} 23:59:59 {zone}"))
    assert fits(execution_time_ns(f"{day}-23:59:59"))
    assert fits(head_time(f"{day}-23:59:59"))
    assert fits(gateway_offset_s(f"{day} 23:59:59 {zone}", 10**18))
    assert fits(known_until(f"{day}:CLOSED", zone))
    for moments in parse_hours(f"{day}:0400-{day}:2000", zone):
        assert all(map(fits, moments))
    msgspec.msgpack.encode(sessions(f"{day}:0400-{day}:2400", zone))


@pytest.mark.parametrize("seconds", ["9223372036854775807", str(2**33), str(2**62)])
@pytest.mark.parametrize("good", ["1700000000", "20260105"])
def test_columns_of_bars_leave_out_one_whose_time_is_none(seconds: str, good: str) -> None:
    bar = "|1|2|0.5|1.5|100|1.2|7|"
    frame = f"17|9|a|b|2|{good}{bar}{seconds}{bar}".replace("|", "\0").encode()
    (event, *_) = Codec(195).decode(frame)
    if isinstance(event, HistoricalBars):  # its largest number stands for none: left to ibapi
        assert len(columns.of_bars(event.bars)) == 1
    else:
        assert isinstance(event, HistoricalBarColumns)
        assert len(columns.of_message(event)) == 1


@pytest.mark.parametrize("day", DAYS)
def test_an_execution_of_another_age_is_kept_without_its_time(day: str) -> None:
    """It would end the orders node, and again after each start, as the gateway lists it anew."""
    desk = Desk()
    desk.place()
    desk.accepted()
    desk.says(execution(1, time=f"{day} 23:59:59 UTC"))
    (fill,) = [event for event in desk.published if isinstance(event, Fill)]
    assert fill.time is None
    for entry in desk.committed:
        to_row(entry)


LONG = "9" * 5000
"""More digits than Python reads."""
NO_NUMBERS = (LONG, "\u00b2", "\u0663", "-1", "", "0x10", "1_0")


@pytest.mark.parametrize("number", NO_NUMBERS)
def test_an_execution_whose_number_is_none_counts_as_one_of_its_own(number: str) -> None:
    desk = Desk()
    desk.place()
    desk.accepted()
    desk.says(execution(1, f"0000e0d5.6ab8b1a2.01.{number}"))
    assert len([event for event in desk.published if isinstance(event, Fill)]) == 1


@pytest.mark.parametrize("number", [*NO_NUMBERS[:3], "0", "65536", "99999"])
def test_a_gateway_that_moves_to_a_port_that_is_none_is_not_followed(number: str) -> None:
    core = SessionCore(101, 4002, range(157, 201), jitter=lambda: 0.0)
    hello = HandshakeReceived(b"200\x0020260105 09:30:00 US/Eastern\x00")
    for happened in (Open(), Connected(), hello, ManagedAccounts(("DU1",)), NextValidId(42)):
        core.handle(happened, 0.0)
    text = "TWS socket port has been reset and this connection is being dropped. the new port -"
    assert core.handle(GatewayError(-1, 1300, text + number), 1.0) == []
    assert core.handle(GatewayError(-1, 1300, text + "7497"), 1.0) != []


@pytest.mark.parametrize("number", [*NO_NUMBERS, "2147483648000"])
def test_a_market_rule_whose_number_is_none_is_left_out(number: str) -> None:
    core = ReferenceCore(count(1).__next__)
    args = GetMarketRule(instrument="STK:AAPL:SMART:USD")
    (send,) = core.handle(Asked(1, contract_questions.market_rule(args), 60.0), 0.0)
    assert isinstance(send, Send)
    found = info(market_rule_ids=f"{number},26")
    core.handle(ContractDetailsReceived(send.req_id, found), 0.0)
    (asked,) = core.handle(ContractDetailsEnd(send.req_id), 0.0)
    assert isinstance(asked, Send)
    assert asked.request == ReqMarketRule(26)


@pytest.mark.parametrize("year", ["2020", "2030", "9999"])
def test_a_gateway_whose_clock_is_wrong_by_days_tells_no_zone(year: str) -> None:
    """With an abbreviation for a zone, the difference of the clocks would stand for it."""
    offset = gateway_offset_s(f"{year}0101 09:30:00 EST", 1_790_000_000 * 10**9)
    assert offset is None
    desk = Desk()
    desk.session_lost()
    desk.do(desk.core.session_up(("DU1",), 1, True, offset, desk.now, zone="EST"))
    assert gateway_offset_s("20260921 10:13:00 XYZ", 1_790_000_000 * 10**9) == -4 * 3600
