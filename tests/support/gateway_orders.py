"""What works at the simulated gateway, asked by a client that is none of ours."""

from __future__ import annotations

import asyncio

from ib_async import IB


def open_orders_at_the_gateway(port: int) -> list[str]:
    """References of all working orders."""

    async def ask() -> list[str]:
        ib = IB()
        await ib.connectAsync("127.0.0.1", port, clientId=900, timeout=60)
        try:
            return [trade.order.orderRef for trade in await ib.reqAllOpenOrdersAsync()]
        finally:
            ib.disconnect()

    return asyncio.run(ask())
