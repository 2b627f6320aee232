"""A recording as a table: quotes or ticks, with pandas or polars, whichever is installed.

    twsmq record tick/STK:AAPL:SMART:USD/ quote/STK:AAPL:SMART:USD/ -o aapl.msgpack
    python examples/recording_to_table.py aapl.msgpack quote
    python examples/recording_to_table.py aapl.msgpack ticks

Only msgpack is needed to read it; without pandas and polars the first rows are printed as they are.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack

HEADER = ("v", "type", "src", "inc", "seq", "snapshot")


def rows(path: str, kind: str) -> Iterator[dict[str, Any]]:
    """One row for each quote, or for each tick of a `ticks` event. `ts` is ns since the epoch."""
    with Path(path).open("rb") as file:
        events: Any = msgpack.Unpacker(file)
        next(events)  # the head says when the recording began and which topics it has
        for recorded in events:
            event = recorded["event"]
            if event["type"] != kind or event["snapshot"]:
                continue
            if kind == "ticks":
                for tick_type, value, attributes in event["ticks"]:
                    yield {
                        "ts": event["ts"],
                        "topic": recorded["topic"],
                        "tick_type": tick_type,
                        "value": value if isinstance(value, float) else None,
                        "text": value if isinstance(value, str) else None,
                        "attributes": attributes,
                    }
            else:
                own = {name: value for name, value in event.items() if name not in HEADER}
                yield {"topic": recorded["topic"], **own}


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    path, kind = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "quote"
    table = list(rows(path, kind))
    for library in ("pandas", "polars"):
        try:
            frame: Any = importlib.import_module(library).DataFrame(table)
        except ImportError:
            continue
        print(frame.head(20))
        break
    else:
        for row in table[:20]:
            print(row)
    print(f"{len(table)} rows")


if __name__ == "__main__":
    main()
