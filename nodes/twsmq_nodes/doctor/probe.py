"""The walk: a closed port, a handshake, a login, a quote, an order book; at each step what was seen.

It is a client like any other, with plain sockets and a client ID of its own. It waits for events, each within
its own bound and all within `TOTAL_S`: a gateway that is slow at every step costs the later ones, and no more
time. What it asks for it lets go again, and it places nothing. A read-only gateway answers `reqOpenOrders`
with 321, and may show the dialog "API client needs write access".
"""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

from msgspec.structs import replace
from twsmq_protocol.hosts import address

from twsmq_nodes.tws import events as ev
from twsmq_nodes.tws.adapter import MAX_SERVER_VERSION, Codec
from twsmq_nodes.tws.adapter_settings import Asking, SettingsUnavailable
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.framing import MIN_SERVER_VERSION, FrameSplitter, handshake
from twsmq_nodes.tws.gateway_settings import CONFIG_VERSION
from twsmq_nodes.tws.reference_events import HistoricalBarColumns, HistoricalBars, HistoricalBarsEnd
from twsmq_nodes.tws.reference_requests import CancelHistoricalData, ReqHistoricalData
from twsmq_nodes.tws.requests import ReqCurrentTime, ReqOpenOrders, Request, StartApi
from twsmq_nodes.tws.stream_requests import CancelMktData, ReqMktData

from .addresses import Address, connect, resolved
from .evidence import USUAL_PORTS, Evidence, Hello, Neighbour, Notice, Port, Quote
from .machine import is_own, listener

RESOLVE_S, CONNECT_S, NEIGHBOUR_S, HELLO_S, START_S = 3, 3, 1, 5, 4
FARMS_S, QUOTE_S, ORDERS_S, SETTINGS_S = 3, 3, 2, 3
TOTAL_S = 12.0
NEWEST_CONFIG_VERSION = 225
INSTRUMENT = Contract(symbol="AAPL", sec_type="STK", exchange="SMART", currency="USD")
_NAME = "STK:AAPL:SMART:USD"
_QUOTE_ID, _HISTORY_ID = 1, 2
_READ = 65_536
_HTTP = b"HTTP/"
_LONGEST_HELLO = 500
"""A version and a time with its zone."""

Progress = Callable[[str], None]


class Ended(Exception):
    """The other side closed the connection."""


def _left(within: float, ends: float) -> float:
    """A time to wait; never 0, which would mean not to wait for what is already there."""
    return max(0.05, min(within, ends - time.monotonic()))


class Line:
    """One connection, cut into frames. `ends`: when all waiting is over, in monotonic seconds."""

    def __init__(self, connected: socket.socket, ends: float) -> None:
        self._socket = connected
        self._ends = ends
        self._splitter = FrameSplitter()
        self._pending: deque[bytes] = deque()

    def send(self, data: bytes) -> None:
        with suppress(OSError):  # a close shows when the answer is read
            self._socket.sendall(data)

    def frames(self, within: float) -> Iterator[bytes]:
        """Frames as they come, until `within` seconds have passed; what is not taken waits for the next call.
        Raises `Ended`."""
        deadline = min(time.monotonic() + within, self._ends)
        while self._pending:
            yield self._pending.popleft()
        while (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(_READ)
            except TimeoutError:
                return
            except OSError as error:
                raise Ended from error
            if not data:
                raise Ended
            self._pending.extend(self._splitter.feed(data))
            while self._pending:
                yield self._pending.popleft()
            if self._splitter.broken is not None:
                raise Ended

    def put_back(self, data: bytes) -> None:
        """Bytes after those that were wanted."""
        self._pending.extend(self._splitter.feed(data))

    def first_bytes(self, within: float) -> bytes:
        """What comes first, whole frames or not; nothing if nothing came. Raises `Ended`."""
        self._socket.settimeout(_left(within, self._ends))
        try:
            data = self._socket.recv(_READ)
        except TimeoutError:
            return b""
        except OSError as error:
            raise Ended from error
        if not data:
            raise Ended
        return data


def walk(start: Evidence, progress: Progress) -> Evidence:
    """`start` names host, port and client ID; the rest is filled in."""
    ends = time.monotonic() + TOTAL_S
    progress(f"connecting to {address(start.host, start.port)}")
    try:
        found = resolved(start.host, RESOLVE_S)
    except OSError as error:
        return replace(start, state=Port.UNREACHABLE, problem=error.strerror or str(error))
    try:
        connected = connect(found, start.port, CONNECT_S)
    except ConnectionRefusedError as error:
        return _look_around(replace(start, state=Port.REFUSED, problem=str(error)), found, progress)
    except TimeoutError as error:
        return replace(start, state=Port.TIMED_OUT, problem=str(error))
    except OSError as error:
        return replace(start, state=Port.UNREACHABLE, problem=error.strerror or str(error))
    with closing(connected):
        seen = _greet(Line(connected, ends), replace(start, state=Port.OPEN), progress)
    if seen.hello is not Hello.VERSION:
        if any(is_own(where[0]) for _, where in found):
            seen = replace(seen, listener=listener(seen.port))
        return _look_around(seen, found, progress)
    return _ask_settings(seen, found, ends, progress) if seen.server_version == MAX_SERVER_VERSION else seen


def _look_around(seen: Evidence, found: list[Address], progress: Progress) -> Evidence:
    """Which of the usual ports of that host answer as a gateway does; no others are touched."""
    ports = [port for port in USUAL_PORTS if port != seen.port]
    progress(f"looking at the usual ports of {seen.host}: {', '.join(map(str, ports))}")
    with ThreadPoolExecutor(len(ports)) as pool:
        asked = [pool.submit(_neighbour, seen, found, port) for port in ports]
        others = [one.result() for one in asked]
    return replace(seen, neighbours=tuple(one for one in others if one is not None))


def _neighbour(seen: Evidence, found: list[Address], port: int) -> Neighbour | None:
    try:
        connected = connect(found, port, NEIGHBOUR_S)
    except OSError:
        return None
    with closing(connected):
        line = Line(connected, time.monotonic() + 2 * NEIGHBOUR_S)
        hello, version, _ = _hello(line, NEIGHBOUR_S)
        if version is None or version < MIN_SERVER_VERSION:
            return Neighbour(port, hello)
        session = _Session(line, Codec(version), seen, lambda _: None)
        with suppress(Ended):
            session.start(NEIGHBOUR_S)
        return Neighbour(port, hello, session.seen.accounts)


def _hello(line: Line, within: float) -> tuple[Hello, int | None, str]:
    """How the other side takes the handshake: kind, server version, connection time. What it says may come
    in pieces."""
    line.send(handshake(MIN_SERVER_VERSION, MAX_SERVER_VERSION))
    deadline, data = time.monotonic() + within, b""
    while True:
        left = deadline - time.monotonic()
        try:
            more = line.first_bytes(left) if left > 0 else b""
        except Ended:
            return Hello.OTHER if data else Hello.CLOSED, None, ""
        data += more
        if not more:
            return Hello.OTHER if data else Hello.SILENT, None, ""
        if data.startswith(_HTTP):
            return Hello.HTTP, None, ""
        length = int.from_bytes(data[:4], "big")
        if len(data) >= 5 and length > _LONGEST_HELLO:
            return Hello.OTHER, None, ""
        if len(data) >= 5 and len(data) >= 4 + length:
            break
    fields = data[4 : 4 + length].split(b"\0")
    # A gateway answers with a version out of those that it was asked for, or with its own that is older.
    if not fields[0].isdigit() or len(fields[0]) > 5 or int(fields[0]) > MAX_SERVER_VERSION:
        return Hello.OTHER, None, ""
    line.put_back(data[4 + length :])
    return Hello.VERSION, int(fields[0]), fields[1].decode("latin-1") if len(fields) > 1 else ""


def _greet(line: Line, seen: Evidence, progress: Progress) -> Evidence:
    progress("waiting for the gateway's version")
    began = time.monotonic()
    hello, version, when = _hello(line, HELLO_S)
    waited = time.monotonic() - began
    seen = replace(seen, hello=hello, server_version=version, connection_time=when, waited_s=waited)
    if version is None or version < MIN_SERVER_VERSION:
        return seen
    return _Session(line, Codec(version), seen, progress).walk()


class _Session:
    """A session that has shaken hands: what it hears goes into `seen`."""

    def __init__(self, line: Line, codec: Codec, seen: Evidence, progress: Progress) -> None:
        self._line = line
        self._codec = codec
        self._progress = progress
        self.seen = seen

    def walk(self) -> Evidence:
        self._progress(f"starting a session as client {self.seen.client_id}")
        try:
            self.start(START_S)
            if self.seen.next_valid_id is None:
                return self.seen
            self._ask_time()
            self._ask_data()
            self._ask_orders()
        except Ended:
            return replace(self.seen, closed_after_start=self.seen.next_valid_id is None)
        return self.seen

    def start(self, within: float) -> None:
        """Until the gateway has named its accounts. Raises `Ended`."""
        self._send(StartApi(self.seen.client_id))
        self._until(within, lambda: self.seen.next_valid_id is not None and bool(self.seen.accounts))

    def _ask_time(self) -> None:
        """The gateway's clock, and the farm notices that follow a login one by one."""
        self._progress("waiting for the data farms")
        self._send(ReqCurrentTime())
        farms = frozenset((2103, 2104, 2105, 2106, 2107, 2108, 2110, 2157, 2158, 1100))
        self._until(
            FARMS_S,
            lambda: self.seen.answered_time and any(notice.code in farms for notice in self.seen.notices),
        )

    def _ask_data(self) -> None:
        """A quote, and one daily bar: that another session of the user takes the data may be said to the one
        (10197) or to the other (162)."""
        self._progress(f"asking for a quote of {_NAME} and for a daily bar")
        self.seen = replace(self.seen, quote=Quote(_NAME))
        self._send(ReqMktData(_QUOTE_ID, INSTRUMENT))
        self._send(ReqHistoricalData(_HISTORY_ID, INSTRUMENT, "", "1 D", "1 day", "TRADES"))
        self._until(
            QUOTE_S,
            lambda: (
                self.seen.quote is not None
                and self._answered(self.seen.quote)
                and (self.seen.history_answered or bool(self.seen.history_errors))
            ),
        )
        self._send(CancelMktData(_QUOTE_ID))
        if not self.seen.history_answered and not self.seen.history_errors:
            self._send(CancelHistoricalData(_HISTORY_ID))

    def _ask_orders(self) -> None:
        self._progress("asking for this client's open orders")
        self._send(ReqOpenOrders())
        self._until(
            ORDERS_S,
            lambda: self.seen.open_orders_answered or self.seen.open_orders_error is not None,
        )

    @staticmethod
    def _answered(quote: Quote) -> bool:
        return quote.live is not None or any(error.code != _DELAYED for error in quote.errors)

    def _send(self, request: Request) -> None:
        self._line.send(self._codec.encode(request))

    def _until(self, within: float, enough: Callable[[], bool]) -> None:
        """Take what comes until it is enough, or for so long. Raises `Ended`."""
        if enough():
            return
        for payload in self._line.frames(within):
            for event in self._codec.decode(payload):
                self.seen = _noted(self.seen, event)
            if enough():
                return


_DELAYED = 10167
_READ_ONLY = 321
_PRICES = (1, 2, 4, 9, 66, 67, 68, 75)
_FIRST_DELAYED_TICK = 66


def _noted(seen: Evidence, event: ev.Event) -> Evidence:
    match event:
        case ev.NextValidId(order_id=first):
            return replace(seen, next_valid_id=first)
        case ev.ManagedAccounts(accounts=accounts):
            return replace(seen, accounts=tuple(sorted(filter(None, accounts))))
        case ev.CurrentTime(time_s=there):
            return replace(seen, answered_time=True, skew_s=there - time.time())
        case ev.OpenOrderEnd():
            return replace(seen, open_orders_answered=True)
        case ev.TickPrice(tick_type=kind, price=price) if price is not None and kind in _PRICES:
            live = kind < _FIRST_DELAYED_TICK
            return replace(seen, quote=replace(seen.quote or Quote(_NAME), live=live))
        case HistoricalBars() | HistoricalBarColumns() | HistoricalBarsEnd():
            return replace(seen, history_answered=True)
        case ev.GatewayError(req_id=req_id, code=code, text=text):
            return _noted_error(seen, req_id, Notice(code, text))
        case _:
            return seen


def _noted_error(seen: Evidence, req_id: int, notice: Notice) -> Evidence:
    if req_id == _QUOTE_ID and seen.quote is not None:
        return replace(seen, quote=replace(seen.quote, errors=(*seen.quote.errors, notice)))
    if req_id == _HISTORY_ID:
        return replace(seen, history_errors=(*seen.history_errors, notice))
    if notice.code == _READ_ONLY:
        return replace(seen, open_orders_error=notice)
    return replace(seen, notices=(*seen.notices, notice))


def _ask_settings(seen: Evidence, found: list[Address], ends: float, progress: Progress) -> Evidence:
    """One more short connection, at a version that tells settings, under the same client ID."""
    progress("asking for the gateway's own settings")
    try:
        with closing(connect(found, seen.port, _left(CONNECT_S, ends))) as connected:
            line = Line(connected, ends)
            line.send(handshake(MIN_SERVER_VERSION, NEWEST_CONFIG_VERSION))
            version = int(next(iter(line.frames(HELLO_S)), b"0").split(b"\0")[0])
            asking = Asking(version, seen.client_id)
            line.send(asking.question)
            for payload in line.frames(SETTINGS_S):
                settings = asking.receive(payload)
                if settings is not None:
                    return replace(seen, settings=settings)
    except SettingsUnavailable as error:
        return replace(seen, settings_problem=str(error))
    except (OSError, ValueError, Ended):
        return replace(seen, settings_problem="the gateway closed the connection that asked for them")
    return replace(seen, settings_problem=f"the gateway speaks {CONFIG_VERSION} but did not answer")
