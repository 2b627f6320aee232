"""IBKR's own client, its reader thread and `run()` as shipped; every callback goes out on a PUB at once.

`COUNT` instead of an address: the callbacks only count, and nothing leaves the process.
"""

# pyright: basic, reportMissingImports=false
from __future__ import annotations

import json
import logging
import sys
import threading
from time import monotonic_ns
from typing import Any

import msgspec
from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.wrapper import EWrapper

from ..hearing import Hearing
from ..tape import FIRST_CON_ID, topic
from . import gateway_client, pub

COUNT = "COUNT"

encode = msgspec.msgpack.Encoder().encode


class Base(EWrapper, EClient):
    def __init__(self, instruments: int) -> None:
        EWrapper.__init__(self)
        EClient.__init__(self, self)
        self._instruments = instruments

    def nextValidId(self, orderId: int) -> None:  # noqa: N802, N803
        for instrument in range(self._instruments):
            contract = Contract()
            contract.conId, contract.exchange = FIRST_CON_ID + instrument, "SMART"
            self.reqMktData(instrument + 1, contract, "", False, False, [])


class Republisher(Base):
    def __init__(self, instruments: int, address: str) -> None:
        super().__init__(instruments)
        self._prefixes = [topic(instrument).encode() + b"\0" for instrument in range(instruments)]
        self._pub = pub.bind(address)

    def tickPrice(self, reqId: int, tickType: int, price: float, attrib: Any) -> None:  # noqa: N802, N803
        tick = (tickType, price, attrib.canAutoExecute + 2 * attrib.pastLimit + 4 * attrib.preOpen)
        self._pub.send(self._prefixes[reqId - 1] + encode({"ticks": (tick,)}))

    def tickSize(self, reqId: int, tickType: int, size: Any) -> None:  # noqa: N802, N803
        self._pub.send(self._prefixes[reqId - 1] + encode({"ticks": ((tickType, float(size), 0),)}))


class Counter(Base):
    """Speaks as a subscriber does, see `subscriber`."""

    def __init__(self, instruments: int) -> None:
        super().__init__(instruments)
        self.left = 0
        self.last_ns = 0
        self.finished = threading.Event()

    def tickPrice(self, reqId: int, tickType: int, price: float, attrib: Any) -> None:  # noqa: N802, N803
        pass

    def tickSize(self, reqId: int, tickType: int, size: Any) -> None:  # noqa: N802, N803
        self.left -= 1
        if self.left == 0:
            self.last_ns = monotonic_ns()
            self.finished.set()


def count(port: int, instruments: int) -> None:
    app = Counter(instruments)
    app.connect("127.0.0.1", port, gateway_client.COUNT)
    threading.Thread(target=app.run, daemon=True).start()
    expected = 0
    for line in sys.stdin:
        command = json.loads(line)
        if "end" in command:
            expected = app.left = command["end"] - command["first"]
            app.finished.clear()
            print(json.dumps({"listening": True}), flush=True)
            while not app.finished.wait(command["idle_s"]):
                pass
            print(json.dumps({"heard": expected - app.left}), flush=True)
        else:
            hearing = Hearing(instruments, 0, expected, keep=False)
            hearing.count, hearing.last_ns = expected - app.left, app.last_ns
            print(json.dumps(hearing.report(None)), flush=True)


def main() -> None:
    logging.getLogger("ibapi").setLevel(logging.WARNING)  # DEBUG would cost it another 41 to 53 µs a tick
    port, address, instruments = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    if address == COUNT:
        count(port, instruments)
        return
    app = Republisher(instruments, address)
    app.connect("127.0.0.1", port, gateway_client.IBAPI)
    app.run()


if __name__ == "__main__":
    main()
