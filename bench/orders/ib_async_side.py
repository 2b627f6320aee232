"""ib_async as shipped, in one asyncio loop, with its own throttle of 45 messages a second switched off."""

from __future__ import annotations

import asyncio
import time

from ib_async import IB, LimitOrder, Stock, Trade
from side import (
    ACCOUNT,
    CURRENCY,
    EXCHANGE,
    LIMIT,
    QUANTITY,
    SYMBOL,
    arguments,
    begin,
    reference,
    schedule,
    tell,
)


async def main() -> None:
    port, rate, count = arguments()
    ib = IB()
    ib.client.MaxRequests = 0
    await ib.connectAsync("127.0.0.1", port, clientId=8, timeout=20)
    contract = Stock(SYMBOL, EXCHANGE, CURRENCY)
    refs = [reference(1, number) for number in range(count)]
    orders = [LimitOrder("BUY", QUANTITY, LIMIT, tif="DAY", account=ACCOUNT, orderRef=ref) for ref in refs]
    sent: dict[str, int] = {}
    left = count
    answered = asyncio.Event()

    def reported(trade: Trade) -> None:
        nonlocal left
        left -= trade.orderStatus.status == "Submitted"
        if left == 0:
            answered.set()

    ib.orderStatusEvent += reported
    begin()
    for number, due in schedule(rate, count):
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        sent[refs[number]] = time.monotonic_ns()
        ib.placeOrder(contract, orders[number])
    await asyncio.wait_for(answered.wait(), 20)
    tell(sent=sent)
    ib.disconnect()


if __name__ == "__main__":
    asyncio.run(main())
