"""The asyncio client: prices are watched in one task while another trades.

twsmq up                           (in another terminal)
python examples/asyncio_client.py [PORT_BASE | KEY_FILE]

A cluster with keys wants the file that `twsmq keys add aio --rights trader:aio` writes.
"""

import asyncio
import sys
import time

from twsmq import RequestRefused
from twsmq.aio import Client
from twsmq_protocol.errors import TwsmqError
from twsmq_protocol.market_events import Quote, Stream
from twsmq_protocol.order_events import TERMINAL_STATUSES, Order

INSTRUMENTS = ["STK:AAPL:SMART:USD", "STK:MSFT:SMART:USD", "CASH:EUR:IDEALPRO:USD"]
STRATEGY = "aio"


async def listen(client: Client, finished: dict[str, asyncio.Future[str]]) -> None:
    """The one reader of this client's events."""
    async for topic, event, lost in client.events():
        if lost:
            print(f"{topic}: {lost} events lost")
        match event:
            case Quote():
                print(f"{topic} {event.bid} / {event.ask}")
            case Stream():
                print(f"{topic} {event.state} {event.text or ''}")
            case Order(client_order_id=name, status=status) if status in TERMINAL_STATUSES:
                if name in finished and not finished[name].done():
                    finished[name].set_result(status)
            case _:
                pass


async def buy(client: Client, instrument: str, finished: dict[str, asyncio.Future[str]]) -> str:
    name = f"{instrument.split(':')[1]}-{time.time_ns()}"
    finished[name] = asyncio.get_running_loop().create_future()
    while True:
        try:
            await client.place_order(
                strategy=STRATEGY,
                client_order_id=name,
                instrument=instrument,
                side="BUY",
                quantity=10,
                order_type="MKT",
            )
        except RequestRefused as refused:
            if refused.code != "not_ready":
                raise
            await asyncio.sleep(0.5)
        else:
            return f"{name}: {await finished[name]}"


def connected(where: str) -> Client:
    return Client(port_base=int(where)) if where.isdecimal() else Client(keys=where)


async def main() -> None:
    finished: dict[str, asyncio.Future[str]] = {}
    async with connected(sys.argv[1] if len(sys.argv) > 1 else "5500") as client:
        client.subscribe(f"order/{STRATEGY}/", *(f"quote/{name}/" for name in INSTRUMENTS))
        listening = asyncio.create_task(listen(client, finished))
        try:
            async with asyncio.timeout(60):
                orders = (buy(client, name, finished) for name in INSTRUMENTS[:2])
                for verdict in await asyncio.gather(*orders):
                    print(verdict)
        finally:
            listening.cancel()
            await asyncio.wait([listening])
        print(f"{client.loss.lost} events lost")


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except TwsmqError as error:  # not let in, refused, nobody there: each says what to do
        sys.exit(str(error))
    except TimeoutError:
        sys.exit("no verdict within a minute")
