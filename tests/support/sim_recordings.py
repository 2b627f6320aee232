"""Conversations recorded with real gateways, and a player of their client's side.

A recording is a list of turns: connecting, or a request, and what the gateway said until the client's next
move. The player brings a simulator's market to the prices of the recorded fills, makes the same moves and
collects its turns in the same form. The clock stands still but for a second after each move, which is ample
for all that follows from it.
"""

from __future__ import annotations

import base64
import importlib
import json
import re
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from support.sim_stream import Fields

RECORDINGS = Path(__file__).resolve().parents[3] / "shared" / "tws" / "recordings"
OURS = Path(__file__).resolve().parents[1] / "recordings"  # written from what the captures show
ZONES = {"CET": "Europe/Berlin", "Central European Standard Time": "Europe/Berlin"}
SECOND = 1_000_000_000


class Event(NamedTuple):
    """A message: its type, the state it tells (a status, an error's code), and its figures as text."""

    kind: str
    state: str = ""
    figures: str = ""


class Turn(NamedTuple):
    """`move` is "connect" or the client's request; `arguments` are those of the request."""

    move: str
    arguments: dict[str, Any]
    events: list[Event]


class Recording:
    """`connected_at` is when its first connection was made, ns UTC; `account` is the account's code."""

    def __init__(self, name: str, folder: Path = RECORDINGS) -> None:
        self.name = name
        (path,) = folder.rglob(f"{name}.txt")
        self.turns: list[Turn] = []
        self.connected_at = 0
        self.account = ""
        for line in path.read_text().splitlines():
            if not line or line.startswith("#"):
                continue
            who, _, rest = line.partition(" ")
            what, _, text = rest.partition(" ")
            match who:
                case "handshake":
                    self.connected_at = self.connected_at or _moment(json.loads(rest)["connection_time"])
                    self.turns.append(Turn("connect", {}, []))
                case "client":
                    self.turns.append(Turn(what, json.loads(text), []))
                case "server":
                    if what == "managed_accounts":
                        (self.account,) = json.loads(text)["accounts"]
                    self.turns[-1].events.append(_told(what, json.loads(text)))
                case "raw":
                    self._take_frame(base64.b64decode(text)[4:], from_client=what == "client")
                case _:
                    assert who in ("sleep", "disconnect"), line
        self.account = self.account or "DU9000001"
        self._give_back()

    def _give_back(self) -> None:
        """Two orders placed at once: what came for the first, up to its commission, belongs to its turn."""
        for turn, later in pairwise(self.turns):
            if turn.move == later.move == "place_order" and not turn.events:
                kinds = [event.kind for event in later.events]
                if "commission_report" in kinds:
                    count = kinds.index("commission_report") + 1
                    turn.events.extend(later.events[:count])
                    del later.events[:count]

    def _take_frame(self, payload: bytes, *, from_client: bool) -> None:
        """Text at 200; above it a number of four bytes first, and over 200 a protobuf message."""
        number = int.from_bytes(payload[:4], "big")
        if number > TEXT_IDS[-1] + 200:  # digits: text without a number in front
            fields = payload.decode().split("\0")[:-1]
            if from_client:
                self.turns.append(Turn(*_asked_in_text(fields), []))
            else:
                self.turns[-1].events.append(event_of(fields))
            return
        if number <= 200:
            self.turns[-1].events.append(event_of([str(number), *payload[4:].decode().split("\0")[:-1]]))
            return
        kind = (CLIENT_MESSAGES if from_client else SERVER_MESSAGES).get(number - 200)
        if from_client:
            name = kind or f"request {number - 200}"
            self.turns.append(Turn(*_asked(name, _parsed(kind, payload[4:]) if kind else None), []))
        elif kind is not None:
            self.turns[-1].events.extend(_said(kind, _parsed(kind, payload[4:])))
        else:
            self.turns[-1].events.append(Event(NAMES.get(str(number - 200), str(number - 200))))


TEXT_IDS = range(1, 200)
SERVER_MESSAGES = {
    3: "OrderStatus", 4: "ErrorMessage", 11: "ExecutionDetails", 101: "CompletedOrder", 1: "TickPrice",
    2: "TickSize", 46: "TickString", 58: "MarketDataType",
}  # fmt: skip
CLIENT_MESSAGES = {
    3: "PlaceOrderRequest", 4: "CancelOrderRequest", 1: "MarketDataRequest", 59: "MarketDataTypeRequest",
    58: "GlobalCancelRequest", 7: "ExecutionRequest", 99: "CompletedOrdersRequest",
    20: "HistoricalDataRequest", 49: "CurrentTimeRequest", 2: "CancelMarketData",
}  # fmt: skip


def _parsed(kind: str, body: bytes) -> Any:
    """A protobuf message by ibapi's classes: by its meaning it is compared with text at 200."""
    message = getattr(importlib.import_module(f"ibapi.protobuf.{kind}_pb2"), kind)()
    message.ParseFromString(body)
    return message


def _asked(kind: str, m: Any) -> tuple[str, dict[str, Any]]:
    match kind:
        case "PlaceOrderRequest":
            o = m.order
            prices = {"lmt_price": o.lmtPrice, "aux_price": o.auxPrice, "trail_stop": o.trailStopPrice}
            return "place_order", {
                "order_id": str(m.orderId),
                "contract": {"con_id": str(m.contract.conId), "symbol": m.contract.symbol, "sec_type": "STK"},
                "action": o.action,
                "total_quantity": o.totalQuantity,
                "order_type": o.orderType,
                "tif": o.tif,
                "transmit": o.transmit,
                "parent": o.parentId,
                "oca": o.ocaGroup,
                "what_if": o.whatIf,
                "algo": o.algoStrategy,
            } | {name: f"{price:g}" for name, price in prices.items() if price}
        case "CancelOrderRequest":
            return "cancel_order", {"order_id": str(m.orderId)}
        case "MarketDataRequest":
            return "market_data", {"req_id": m.reqId, "snapshot": m.snapshot}
        case "CancelMarketData":
            return "cancel_market_data", {"req_id": m.reqId}
        case "MarketDataTypeRequest":
            return "market_data_type", {"kind": m.marketDataType}
        case "CompletedOrdersRequest":
            return "req_completed_orders", {"api_only": m.apiOnly}
        case "HistoricalDataRequest":
            contract = {"symbol": "AAPL", "sec_type": "STK", "exchange": "SMART", "primary_exchange": ""}
            return "req_historical_bars", {
                "contract": contract | {"currency": "USD", "local_symbol": ""},
                "bar_size": m.barSizeSetting,
                "duration": m.duration,
                "what_to_show": m.whatToShow,
                "use_rth": m.useRTH,
            }
        case _:
            simple = {"GlobalCancelRequest": "global_cancel", "ExecutionRequest": "executions"}
            return simple.get(kind, "req_current_time"), {}


def _asked_in_text(fields: Fields) -> tuple[str, dict[str, Any]]:
    """A placeOrder at 200 is the only request that is recorded in text."""
    assert fields[0] == "3", fields
    return "place_order", {
        "order_id": fields[1],
        "contract": {"con_id": fields[2], "symbol": fields[3], "sec_type": fields[4]},
        "action": fields[16],
        "total_quantity": fields[17],
        "order_type": fields[18],
        "tif": fields[21],
    }


def _said(kind: str, m: Any) -> list[Event]:
    match kind:
        case "OrderStatus":
            size = float(m.filled) + float(m.remaining)
            return [Event("order_status", m.status, f"{float(m.filled):g} of {size:g}")]
        case "ErrorMessage":
            return [_error(m.id, str(m.errorCode), m.errorMsg)]
        case "ExecutionDetails":
            return [
                Event(
                    "execution_detail", m.execution.side, _trade(m.execution.shares, str(m.execution.price))
                )
            ]
        case "CompletedOrder":
            return [Event("completed_order", m.orderState.completedStatus.strip())]
        case "MarketDataType":
            return [Event("market_data_type", str(m.marketDataType))]
        case "TickPrice":
            return [Event("tick", str(m.tickType))]
        case _:
            return [Event("tick", str(m.tickType))]


def _moment(text: str) -> int:
    """ "20260415 18:28:40 Central European Standard Time", ns UTC."""
    day, clock, zone = text.split(" ", 2)
    local = datetime.strptime(f"{day} {clock}", "%Y%m%d %H:%M:%S").replace(tzinfo=ZoneInfo(ZONES[zone]))
    return int(local.timestamp() * 1e9)


def _told(what: str, a: dict[str, Any]) -> Event:
    """A message as a transcript writes it."""
    match what:
        case "order_status":
            return Event(
                what, a["status"], f"{a['filled']} of {float(a['filled']) + float(a['remaining']):g}"
            )
        case "execution_detail":
            return Event(what, a["side"], _trade(a["shares"], a["price"]))
        case "api_error":
            request_id = str(a["req_id"])
            return _error(1 if request_id.startswith("$") else int(request_id), str(a["code"]), a["message"])
        case "historical_schedule":
            names = ("start_date_time", "end_date_time", "ref_date")
            rows = [[session[name] for name in names] for session in a["sessions"]]
            return _schedule([a["start_date_time"], a["end_date_time"], a["time_zone"]], rows)
        case _:
            return Event(what)


def event_of(fields: Fields) -> Event:
    """A message as it is on the wire at version 200."""
    match fields[0]:
        case "3":
            return Event("order_status", fields[2], f"{fields[3]} of {float(fields[3]) + float(fields[4]):g}")
        case "4":
            return _error(int(fields[1]), fields[2], fields[3])
        case "11":
            return Event("execution_detail", fields[18], _trade(fields[19], fields[20]))
        case "1" | "2":
            return Event("tick", fields[3])
        case "46":
            return Event("tick", fields[3])
        case "58":
            return Event("market_data_type", fields[3])
        case "101":
            return Event("completed_order", fields[-9].strip(), "|".join(fields[1:]))
        case "106":
            rows = [fields[nth : nth + 3] for nth in range(6, len(fields), 3)]
            return _schedule(fields[2:5], rows)
        case kind:
            return Event(NAMES.get(kind, kind))


NAMES = {
    "5": "open_order",
    "9": "next_valid_id",
    "15": "managed_accounts",
    "49": "current_time",
    "53": "open_order_end",
    "59": "commission_report",
    "102": "completed_orders_end",
    "17": "historical_bar",
    "57": "tick_snapshot_end",
    "61": "position",
    "62": "position_end",
    "63": "account_summary",
    "64": "account_summary_end",
    "81": "tick_req_params",
    "10": "contract_details",
    "52": "contract_details_end",
    "55": "executions_end",
    "108": "historical_bars_end",
}


def _trade(size: str, price: str) -> str:
    return f"{float(size):g} at {float(price):g}"


def _error(request_id: int, code: str, text: str) -> Event:
    """The letters of -'bN' change from build to build; farms differ from gateway to gateway."""
    return Event("notice", code) if request_id < 0 else Event("api_error", code, re.sub(r"-'\w+'", "", text))


def _schedule(head: list[str], rows: list[list[str]]) -> Event:
    return Event("historical_schedule", head[2], ", ".join("/".join(row) for row in [head[:2], *rows]))
