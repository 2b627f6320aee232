"""IBKR's `ibapi` as shipped: its reader thread, `run()` in another, orders from the main thread."""

from __future__ import annotations

import threading
import time
from typing import Any

from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.order import Order
from ibapi.wrapper import EWrapper
from side import ACCOUNT, CURRENCY, EXCHANGE, LIMIT, QUANTITY, SYMBOL, arguments, begin, pace, reference, tell


class Client(EWrapper, EClient):
    def __init__(self, expected: int) -> None:
        EClient.__init__(self, self)
        self.first_id = 0
        self.up = threading.Event()
        self.answered = threading.Event()
        self._expected = expected

    def nextValidId(self, orderId: int) -> None:  # noqa: N802, N803 - ibapi's names
        self.first_id = orderId
        self.up.set()

    def orderStatus(self, orderId: int, *args: Any, **more: Any) -> None:  # noqa: N802, N803
        self._expected -= 1
        if self._expected == 0:
            self.answered.set()


def main() -> None:
    port, rate, count = arguments()
    client = Client(count)
    client.connect("127.0.0.1", port, 7)
    threading.Thread(target=client.run, daemon=True).start()
    assert client.up.wait(20)
    contract = Contract()
    contract.symbol, contract.secType, contract.exchange, contract.currency = (
        SYMBOL,
        "STK",
        EXCHANGE,
        CURRENCY,
    )
    refs = [reference(1, number) for number in range(count)]
    orders: list[Order] = []
    for ref in refs:
        order: Any = Order()  # sizes are whole numbers or decimals, by release
        order.action, order.totalQuantity, order.orderType, order.lmtPrice = "BUY", QUANTITY, "LMT", LIMIT
        order.tif, order.account, order.orderRef = "DAY", ACCOUNT, ref
        orders.append(order)
    sent: dict[str, int] = {}
    begin()

    def send(number: int) -> None:
        sent[refs[number]] = time.monotonic_ns()
        client.placeOrder(client.first_id + number, contract, orders[number])

    pace(rate, count, send, lambda: None)
    assert client.answered.wait(20)
    tell(sent=sent)
    client.disconnect()


if __name__ == "__main__":
    main()
