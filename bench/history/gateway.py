"""The gateway of the bench: a process that answers requests for one-minute bars from bytes it made before.

It speaks the simulated gateway's wire (text; server version 200, or the highest a client offers). It is not
the simulated gateway itself, which makes each bar when it is asked for: that time would be in everybody's.
Sessions are weekdays from 14:30 to 21:00 UTC, and every instrument has the same bars.

`python bench/history/gateway.py FIRST-YEAR LAST-YEAR` prints its port as a line of JSON and ends with its
stdin.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import socketserver
import sys
import time
from bisect import bisect_left, bisect_right
from contextlib import suppress
from datetime import UTC, datetime
from select import select

from twsmq_simulator.market.history import Span
from twsmq_simulator.market.instruments import Instrument
from twsmq_simulator.market.times import parse_time
from twsmq_simulator.wire import history_messages, messages
from twsmq_simulator.wire import requests as rq
from twsmq_simulator.wire.decode import decode
from twsmq_simulator.wire.framing import FrameSplitter

VERSION, END_APART_FROM = 200, 196
DAY_S, NS = 86_400, 10**9
MOST_PARTS = 2  # some 50 kB: whoever waits for the processor waits for no longer write
OPENS_S, MINUTES = 52_200, 390
AAPL = Instrument(
    con_id=265598, symbol="AAPL", sec_type="STK", exchange="NASDAQ", currency="USD", local_symbol="AAPL",
    trading_class="NMS", min_tick=0.01, price=265.18,
)  # fmt: skip


class Sessions:
    """When each opens, in seconds, and its bars as bytes."""

    def __init__(self, first_year: int, last_year: int) -> None:
        begin = int(datetime(first_year, 1, 1, tzinfo=UTC).timestamp()) // DAY_S
        end = int(datetime(last_year + 1, 1, 1, tzinfo=UTC).timestamp()) // DAY_S
        days = [day for day in range(begin, end) if (day + 3) % 7 < 5]
        self.opens = [day * DAY_S + OPENS_S for day in days]
        self._bodies = [_body(opens) for opens in self.opens]

    def between(self, begin_s: int, end_s: int) -> range:
        return range(bisect_left(self.opens, begin_s - MINUTES * 60 + 1), bisect_left(self.opens, end_s))

    def bodies(self, chosen: range) -> list[bytes]:
        return self._bodies[chosen.start : chosen.stop]

    def back(self, end_s: int, duration: str) -> range:
        """Those of a duration before `end_s`. Days count sessions."""
        count, unit = int(duration.split()[0]), duration.split()[1]
        if unit == "D":
            last = bisect_right(self.opens, end_s - 1)
            return range(max(0, last - count), last)
        seconds = count * {"S": 1, "W": 7 * DAY_S, "M": 30 * DAY_S, "Y": 365 * DAY_S}[unit]
        return self.between(end_s - seconds, end_s)


def _body(opens: int) -> bytes:
    """A walk of its own for each day."""
    chance = random.Random(opens)
    price, rows = 20_000 + chance.randrange(10_000), list[str]()
    for minute in range(MINUTES):
        moves = [price + chance.randrange(-15, 16) for _ in range(3)]
        high, low, volume = max(price, *moves), min(price, *moves), chance.randrange(100, 90_000)
        average = (high + low + moves[-1]) / 300
        rows.append(
            f"{opens + 60 * minute}\0{price / 100:.2f}\0{high / 100:.2f}\0{low / 100:.2f}"
            f"\0{moves[-1] / 100:.2f}\0{volume}\0{average:.6f}\0{volume // 40 + 1}\0"
        )
        price = moves[-1]
    return "".join(rows).encode()


def answer_to(request: rq.Request, version: int, sessions: Sessions) -> list[bytes]:
    match request:
        case rq.StartApi():
            return [messages.managed_accounts("DU1"), messages.next_valid_id(1)]
        case rq.CurrentTime():
            return [messages.current_time(time.time_ns())]
        case rq.HeadTimestamp():
            first = sessions.opens[0] * NS
            return [history_messages.head_timestamp(request.request_id, AAPL, first, request.date_format)]
        case rq.HistoricalData():
            return bars(request, version, sessions)
        case rq.ContractDetails():
            details = messages.contract_details(version, request.request_id, AAPL, "SMART", time.time_ns())
            return [details, messages.contract_details_end(request.request_id)]
        case _:
            return []


def bars(request: rq.HistoricalData, version: int, sessions: Sessions) -> list[bytes]:
    """Nothing is copied here: no other connection waits for that."""
    end_ns = parse_time(request.end) if request.end else time.time_ns()
    assert end_ns is not None
    chosen = sessions.back(end_ns // NS, request.duration)
    if request.what == "SCHEDULE":
        spans = [Span(at * NS, (at + MINUTES * 60) * NS) for at in sessions.opens[chosen.start : chosen.stop]]
        return [history_messages.schedule(request.request_id, AAPL, spans)]
    bodies = sessions.bodies(chosen)
    ends = b"" if version >= END_APART_FROM else b"20250101 00:00:00 UTC\x0020250101 00:00:00 UTC\0"
    head = b"17\0%d\0%s%d\0" % (request.request_id, ends, MINUTES * len(bodies))
    end = b"108\0%d\x0020250101 00:00:00 UTC\x0020250101 00:00:00 UTC\0" % request.request_id
    length = len(head) + sum(map(len, bodies))
    framed = [length.to_bytes(4, "big"), head, *bodies]
    return framed if version < END_APART_FROM else [*framed, len(end).to_bytes(4, "big"), end]


def send(to: socket.socket, parts: list[bytes]) -> None:
    left = [memoryview(part) for part in parts]
    while left:
        sent = to.sendmsg(left[:MOST_PARTS])
        while left and sent >= len(left[0]):
            sent -= len(left.pop(0))
        if sent:
            left[0] = left[0][sent:]


class Session(socketserver.BaseRequestHandler):
    """One connection, in a process of its own: a megabyte of bars on its way to one client is nobody else's
    waiting, as before a real gateway."""

    sessions: Sessions

    def handle(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        splitter, version = FrameSplitter(), 0
        with suppress(ConnectionError):
            while data := self.request.recv(65_536):
                splitter.feed(data)
                if not version:
                    offered = splitter.version_range()
                    if offered is None:
                        continue
                    version = min(VERSION, offered.highest)
                    self.request.sendall(messages.handshake(version, time.time_ns()))
                while (frame := splitter.payload()) is not None:
                    send(self.request, answer_to(decode(frame, version), version, self.sessions))


class Server(socketserver.ForkingMixIn, socketserver.TCPServer):
    block_on_close = False


def main() -> None:
    Session.sessions = Sessions(int(sys.argv[1]), int(sys.argv[2]))
    with Server(("127.0.0.1", 0), Session) as server:
        print(json.dumps({"port": server.server_address[1]}), flush=True)
        while sys.stdin not in (readable := select([server, sys.stdin], [], [])[0]):
            assert readable == [server]
            server.handle_request()
        for child in server.active_children or ():
            os.kill(child, signal.SIGTERM)


if __name__ == "__main__":
    main()
