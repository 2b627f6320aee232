"""ib_async as shipped: `pendingTickersEvent` puts the ticks of each ticker on a PUB socket as one message."""

# pyright: basic, reportMissingImports=false
from __future__ import annotations

import sys
from typing import Any

import msgspec
from ib_async import IB, Contract

from ..tape import FIRST_CON_ID, topic
from . import gateway_client, pub

encode = msgspec.msgpack.Encoder().encode


def main() -> None:
    port, address, instruments = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    out = pub.bind(address)
    prefixes = {
        FIRST_CON_ID + instrument: topic(instrument).encode() + b"\0" for instrument in range(instruments)
    }

    def ticked(tickers: Any) -> None:
        for ticker in tickers:
            ticks = [(tick.tickType, tick.price, tick.size) for tick in ticker.ticks]
            out.send(prefixes[ticker.contract.conId] + encode({"ticks": ticks}))

    ib = IB()
    ib.pendingTickersEvent += ticked
    ib.client.MaxRequests = 0
    ib.client.connect(
        "127.0.0.1", port, gateway_client.IB_ASYNC, 10
    )  # without the account data IB.connect waits for
    for instrument in range(instruments):
        ib.reqMktData(Contract(conId=FIRST_CON_ID + instrument, exchange="SMART"))
    ib.run()


if __name__ == "__main__":
    main()
