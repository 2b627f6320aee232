"""The same with the Python client: typed events, typed errors, losses counted.

twsmq up                           (in another terminal)
python examples/python_client.py [PORT_BASE | KEY_FILE]

A cluster with keys wants the file that `twsmq keys add sync --rights trader:sync,accounts` writes.
"""

import sys
import time

from twsmq import Client, OutcomeUnknown, RequestRefused
from twsmq_protocol.errors import TwsmqError
from twsmq_protocol.market_events import Quote
from twsmq_protocol.order_events import TERMINAL_STATUSES, Fill, Order

AAPL = "STK:AAPL:SMART:USD"
STRATEGY = "sync"


def await_ask(client: Client) -> float:
    for _, event, lost in client.events(within=30):
        if lost:
            print(f"{lost} events lost")
        if isinstance(event, Quote) and event.ask is not None:
            print(f"{event.bid} / {event.ask}")
            return event.ask
    sys.exit("no quote within 30 s; is the cluster up? (twsmq status)")


def place(client: Client, client_order_id: str, limit_price: float) -> None:
    """Repeats while the outcome is unknown: the same id is at most one order."""
    while True:
        try:
            accepted = client.place_order(
                strategy=STRATEGY,
                client_order_id=client_order_id,
                instrument=AAPL,
                side="BUY",
                quantity=10,
                order_type="LMT",
                limit_price=limit_price,
            )
        except OutcomeUnknown as unknown:
            print(unknown)
        except RequestRefused as refused:
            if refused.code != "not_ready":
                sys.exit(f"{refused.field or refused.op}: {refused.message}")
            time.sleep(0.5)
        else:
            print(f"accepted as order {accepted.order_id}")
            return


def follow(client: Client, client_order_id: str, until: frozenset[str]) -> None:
    for _, event, lost in client.events(within=60):
        if lost:
            print(f"{lost} events lost: {client.orders(strategy=STRATEGY)}")
        match event:
            case Fill(quantity=quantity, price=price):
                print(f"filled {quantity:g} at {price:g}")
            case Order(client_order_id=name, status=status, reason=reason) if name == client_order_id:
                print(status, reason or "")
                if status in until:
                    return
            case _:
                pass
    sys.exit("no verdict within a minute")


def connected(where: str) -> Client:
    return Client(port_base=int(where)) if where.isdecimal() else Client(keys=where)


def main() -> None:
    run = time.time_ns()
    with connected(sys.argv[1] if len(sys.argv) > 1 else "5500") as client:
        client.subscribe(f"quote/{AAPL}/", f"order/{STRATEGY}/")
        ask = await_ask(client)

        place(client, f"buy-{run}", round(ask * 1.01, 2))
        follow(client, f"buy-{run}", TERMINAL_STATUSES)

        place(client, f"far-{run}", 1.0)
        follow(client, f"far-{run}", frozenset(("submitted",)))
        client.cancel_order(strategy=STRATEGY, client_order_id=f"far-{run}")
        follow(client, f"far-{run}", TERMINAL_STATUSES)

        for position in client.positions():
            print(position.account, position.instrument, position.quantity)
        for process in client.status().processes:
            print(f"{process.name:14} {process.state}")


if __name__ == "__main__":
    try:
        main()
    except TwsmqError as error:  # not let in, refused, nobody there: each says what to do
        sys.exit(str(error))
