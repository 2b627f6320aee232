"""ib_async and pandas: `python ib_async_side.py PORT FOLDER YEAR INSTRUMENTS` writes a Parquet file for each
instrument and prints what it took as a line of JSON.

The requests are those that our download makes: stretches of eleven weeks, six at a time. `util.df` and
`to_parquet` are what ib_async's notebooks use.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import ib_async
import pandas as pd

AT_ONCE, WEEKS = 6, 11


async def fetch(api: ib_async.IB, symbol: str, year: int, folder: Path, gate: asyncio.Semaphore) -> int:
    contract = ib_async.Stock(symbol, "SMART", "USD")
    begin, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    parts: list[Any] = []
    async with gate:
        while end > begin:
            bars = await api.reqHistoricalDataAsync(
                contract, end, f"{WEEKS} W", "1 min", "TRADES", useRTH=True, formatDate=2, timeout=0
            )
            parts.append(ib_async.util.df(bars))
            end -= timedelta(weeks=WEEKS)
        whole = pd.concat(parts[::-1]).drop_duplicates("date").sort_values("date")
        whole = whole[whole["date"] >= begin]
        whole.to_parquet(folder / f"{symbol}-{year}.parquet", compression="zstd", index=False)
    return len(whole)


async def main() -> None:
    port, folder, year, instruments = int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    api = ib_async.IB()
    await api.connectAsync("127.0.0.1", port, clientId=7, fetchFields=ib_async.StartupFetch(0))
    began, gate = time.monotonic(), asyncio.Semaphore(AT_ONCE)
    counts = await asyncio.gather(
        *(fetch(api, f"S{number:03}", year, folder, gate) for number in range(instruments))
    )
    seconds = time.monotonic() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    api.disconnect()
    print(json.dumps({
        "bars": sum(counts), "seconds": seconds, "cpu": used.ru_utime + used.ru_stime,
        "rss_mb": used.ru_maxrss / 1024,
    }))  # fmt: skip


if __name__ == "__main__":
    asyncio.run(main())
