"""What tests of a market-data process beside a scripted gateway share: contracts and bars."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from twsmq_simulator.market import listing
from twsmq_simulator.market.instruments import Instrument
from twsmq_simulator.wire import messages
from twsmq_simulator.wire import requests as wire
from twsmq_simulator.wire.fields import message
from twsmq_simulator.wire.zones import CAPTURED, Zones

from support.scripted_gateway import VERSION, ScriptedGateway

AAPL_ID = 265598
BY_ID = f"CONID:{AAPL_ID}:SMART"
QUOTE, BARS = f"quote/{BY_ID}/", f"bars/5s/{BY_ID}/"
BEGIN = 1_700_000_000
"""When the first of `bars` begins, in seconds."""


def listed(con_id: int = AAPL_ID) -> Instrument:
    found = listing.build(datetime.now(UTC).date()).get(con_id)
    assert found is not None
    return found


def details(request_id: int, found: Instrument, magnifier: int = 1, zones: Zones = CAPTURED) -> bytes:
    """The answer to a look-up."""
    row = messages.contract_details(VERSION, request_id, found, "SMART", time.time_ns(), zones)
    fields = row[4:].split(b"\0")
    at = fields.index(messages.ORDER_TYPES.encode()) + 2
    assert fields[at] == b"1"
    fields[at] = b"%d" % magnifier
    payload = b"\0".join(fields)
    return len(payload).to_bytes(4, "big") + payload + messages.contract_details_end(request_id)


def name(
    gateway: ScriptedGateway, found: Instrument, magnifier: int = 1, zones: Zones = CAPTURED
) -> wire.ContractDetails:
    """Answer the next look-up."""
    asked = gateway.await_request(wire.ContractDetails)
    gateway.say(details(asked.request_id, found, magnifier, zones))
    return asked


def bars(request_id: int, count: int, traded: str = "100\x001.2\x007") -> bytes:
    """The past of a line; `traded`: volume, average price and number of trades of each bar."""
    rows = (f"{BEGIN + 5 * number}\x001\x002\x000.5\x001.5\x00{traded}" for number in range(count))
    payload = ("\0".join(["17", str(request_id), str(count), *rows]) + "\0").encode()
    return len(payload).to_bytes(4, "big") + payload + message(108, request_id, "", "")
