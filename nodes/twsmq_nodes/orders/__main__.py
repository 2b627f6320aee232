"""`python -m twsmq_nodes.orders`: the only writer of orders."""

from twsmq_protocol import endpoints

from twsmq_nodes.runtime.process import run

from .shell import OrdersShell

if __name__ == "__main__":
    run(endpoints.ORDERS, OrdersShell)
