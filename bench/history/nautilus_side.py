"""nautilus_trader's catalogue of the same answers: `python nautilus_side.py PORT FOLDER YEAR INSTRUMENTS`.

Its own adapter needs a live data engine around it; this is its way of data without that: ibapi decodes (its
reader thread and `run()`), each bar becomes a nautilus `Bar` as in `InteractiveBrokersClient`'s historical
handler, and `ParquetDataCatalog.write_data` writes them. Needs `nautilus_trader` and its ibapi.
"""

# ruff: noqa: N802, N803 - ibapi calls them so

from __future__ import annotations

import json
import resource
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.wrapper import EWrapper
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.persistence.catalog import ParquetDataCatalog

WEEKS = 11


class Api(EWrapper, EClient):
    def __init__(self) -> None:
        EClient.__init__(self, self)
        self.ready, self.done = threading.Event(), threading.Event()
        self.bars: list[Any] = []

    def nextValidId(self, orderId: int) -> None:
        self.ready.set()

    def historicalData(self, reqId: int, bar: Any) -> None:
        self.bars.append(bar)

    def historicalDataEnd(self, reqId: int, start: str, end: str) -> None:
        self.done.set()


def nautilus_bar(kind: BarType, bar: Any) -> Bar:
    at = int(bar.date) * 10**9
    return Bar(
        kind, Price(bar.open, 2), Price(bar.high, 2), Price(bar.low, 2), Price(bar.close, 2),
        Quantity(float(bar.volume), 0), at, at,
    )  # fmt: skip


def main() -> None:
    port, folder, year, instruments = int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    api = Api()
    api.connect("127.0.0.1", port, 8)
    reader = threading.Thread(target=api.run, daemon=True)
    reader.start()
    assert api.ready.wait(30)
    catalog, total, began = ParquetDataCatalog(str(folder)), 0, time.monotonic()
    for number in range(instruments):
        kind = BarType.from_str(f"S{number:03}.SMART-1-MINUTE-LAST-EXTERNAL")
        contract = Contract()
        contract.symbol, contract.secType, contract.exchange, contract.currency = (
            f"S{number:03}",
            "STK",
            "SMART",
            "USD",
        )
        begin, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
        found: dict[int, Bar] = {}
        while end > begin:
            api.bars, api.done = [], threading.Event()
            api.reqHistoricalData(
                number * 100 + 1,
                contract,
                f"{end:%Y%m%d-%H:%M:%S}",
                f"{WEEKS} W",
                "1 min",
                "TRADES",
                1,
                2,
                False,
                [],
            )
            assert api.done.wait(120)
            for bar in api.bars:
                made = nautilus_bar(kind, bar)
                found[made.ts_event] = made
            end -= timedelta(weeks=WEEKS)
        wanted = [found[at] for at in sorted(found) if at >= begin.timestamp() * 10**9]
        catalog.write_data(wanted)
        total += len(wanted)
    seconds = time.monotonic() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    api.disconnect()
    print(json.dumps({
        "bars": total, "seconds": seconds, "cpu": used.ru_utime + used.ru_stime,
        "rss_mb": used.ru_maxrss / 1024,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
