"""What the gateway itself takes: `python bare_side.py PORT FOLDER YEAR INSTRUMENTS` makes the requests that
the others make and reads the answers off the socket, without looking at a bar. Prints what it took as a line
of JSON.
"""

from __future__ import annotations

import json
import resource
import socket
import sys
import time
from datetime import UTC, datetime, timedelta

AT_ONCE, WEEKS = 6, 11
"""As in `ib_async_side.py`."""

BARS, END = b"17\0", b"108\0"


def framed(*fields: object) -> bytes:
    payload = b"".join(b"%s\0" % str(field).encode() for field in fields)
    return len(payload).to_bytes(4, "big") + payload


def request(req_id: int, symbol: str, end: datetime) -> bytes:
    """reqHistoricalData, as of server version 200."""
    contract = (0, symbol, "STK", "", 0, "", "", "SMART", "", "USD", "", "", 0)
    return framed(
        20, req_id, *contract, f"{end:%Y%m%d-%H:%M:%S}", "1 min", f"{WEEKS} W", 1, "TRADES", 2, 0, ""
    )


def main() -> None:
    port, year, instruments = int(sys.argv[1]), int(sys.argv[3]), int(sys.argv[4])
    begin, last = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    ends = [
        last - timedelta(weeks=WEEKS) * nth for nth in range(-(-(last - begin) // timedelta(weeks=WEEKS)))
    ]
    waiting = [(f"S{number:03}", end) for number in range(instruments) for end in ends]
    api = socket.create_connection(("127.0.0.1", port))
    reader = api.makefile("rb", buffering=2**20)
    api.sendall(b"API\0" + (9).to_bytes(4, "big") + b"v200..200")

    def frame() -> bytes:
        return reader.read(int.from_bytes(reader.read(4), "big"))

    frame()
    api.sendall(framed(71, 2, 9, ""))
    began, open_, req_id, bars = time.monotonic(), 0, 0, 0
    while waiting or open_:
        while waiting and open_ < AT_ONCE:
            req_id += 1
            open_ += 1
            api.sendall(request(req_id, *waiting.pop()))
        answer = frame()
        if answer.startswith(BARS):
            bars += int(answer[:40].split(b"\0")[2])
        open_ -= answer.startswith(END)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({
        "bars": bars, "seconds": time.monotonic() - began, "cpu": used.ru_utime + used.ru_stime,
        "rss_mb": used.ru_maxrss / 1024,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
