"""What every side of the bench has in common: the orders it sends and when.

A side is a process: `python <side>.py PORT RATE COUNT`. It connects, says {"ready": true}, sends COUNT orders
at RATE a second when told to (a line on stdin) and ends with {"sent": {orderRef: monotonic ns}}. The time is
taken right before the library is asked to send; the order itself has been made before.

The first WARM_UP orders of each run are sent alike and not counted.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

WARM_UP = 200
SYMBOL, EXCHANGE, CURRENCY = "AAPL", "SMART", "USD"
ACCOUNT = "DU1"
QUANTITY, LIMIT = 100, 1.25


def reference(strategy: int, number: int) -> str:
    """As wide for every order, which the gateway of the bench relies on."""
    return f"bench{strategy}/{number:06d}"


def arguments() -> tuple[int, float, int]:
    port, rate, count = sys.argv[1:4]
    return int(port), float(rate), int(count)


def tell(**message: Any) -> None:
    print(json.dumps(message), flush=True)


def begin() -> None:
    """Say that everything is ready and wait for the start."""
    tell(ready=True)
    sys.stdin.readline()


def schedule(rate: float, count: int) -> Iterator[tuple[int, float]]:
    """Number and due time (monotonic) of each order."""
    began = time.monotonic()
    return ((number, began + number / rate) for number in range(count))


def pace(rate: float, count: int, send: Callable[[int], None], between: Callable[[], None]) -> None:
    """Call `send(number)` when it is due, on the calling thread."""
    for number, due in schedule(rate, count):
        between()
        wait = due - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        send(number)
