"""`twsmq order`: place, cancel and list orders from the command line."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.markup import escape
from rich.table import Table
from twsmq_protocol import endpoints
from twsmq_protocol.envelope import Event, payload
from twsmq_protocol.order_events import TERMINAL_STATUSES, Commission, Fill, Notice, Order
from twsmq_protocol.requests import PRICES_NEEDED
from twsmq_protocol.topics import order_topic
from twsmq_supervisor.settings import Settings

from ..client import Client
from ..errors import OutcomeUnknown, RequestRefused
from ..ops import OrderFilter
from .options import NoCluster, Refused, config_option, settings_from, typed
from .reach import NobodyListens, require_listener
from .rendering import console, optional

_ASK_AGAIN_S = 1.0
_COMMISSIONS_WITHIN_S = 2.0
_SUCCESS = frozenset(("filled", "cancelled"))
_HEADINGS = ("order", "instrument", "side", "quantity", "type", "price", "status", "filled", "avg")


@click.group(short_help="Place, cancel and list orders.")
def order() -> None:
    """Place, cancel and list orders.

    An order is named by its strategy and its client order id, which you may choose: the same `place` again
    with the same id places nothing twice.
    """


@order.command(short_help="Place one order and wait for the verdict.")
@config_option
@click.option("--instrument", required=True, help="Like STK:AAPL:SMART:USD.")
@click.option("--side", required=True, help="BUY or SELL.")
@click.option("--quantity", required=True, type=float, help="In the instrument's units (shares, contracts).")
@click.option("--order-type", required=True, help=f"One of {', '.join(PRICES_NEEDED)}.")
@click.option("--limit-price", type=float)
@click.option("--stop-price", type=float)
@click.option("--tif", default="DAY", show_default=True, help="DAY, GTC, IOC, FOK or OPG.")
@click.option("--account", help="Needed only where the gateway has several.")
@click.option("--outside-rth", is_flag=True, help="May also fill outside regular trading hours.")
@click.option("--strategy", default="cli", show_default=True)
@click.option("--client-order-id", help="Your own name for it. [default: a new one]")
@click.option("--no-wait", is_flag=True, help="Return once the order is accepted, without its verdict.")
@click.option("--timeout", type=float, help="Seconds to wait for the verdict. [default: until it comes]")
def place(
    config: Path | None,
    strategy: str,
    client_order_id: str | None,
    no_wait: bool,
    timeout: float | None,
    **rest: Any,
) -> None:
    """Place one order and print what becomes of it until it is done.

    Exit code 0 if it was filled (or cancelled), 1 if it was refused or rejected. Ctrl-C ends the waiting,
    not the order.

    \b
    Examples:
      twsmq order place --instrument STK:AAPL:SMART:USD --side BUY --quantity 10 --order-type MKT
      twsmq order place --instrument STK:AAPL:SMART:USD --side SELL --quantity 10 \\
                        --order-type LMT --limit-price 250 --tif GTC --no-wait
    """
    settings = settings_from(config)
    name = client_order_id or f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"
    given = {key: value for key, value in rest.items() if value is not None}
    args = {"strategy": strategy, "client_order_id": name, **given, "side": given["side"].upper()}
    with _client(settings) as client:
        client.subscribe(order_topic(strategy, name))
        try:
            accepted = client.request(endpoints.ORDERS, "place_order", args)
        except OutcomeUnknown as error:
            raise Refused(f"{error}: --client-order-id {name}") from error
        click.echo(f"{strategy}/{name}: {accepted['status']}, order id {accepted['order_id']}")
        if no_wait:
            return
        with suppress(KeyboardInterrupt):
            verdict = _await_verdict(client, strategy, name, timeout)
            if verdict is not None:
                raise SystemExit(0 if verdict in _SUCCESS else Refused.exit_code)
        cure = typed(settings, "order", "cancel", "--strategy", strategy, "--client-order-id", name)
        click.echo(f"no longer waiting; the order goes on. Cancel it with: {cure}")


@order.command(short_help="Ask the gateway to cancel an order.")
@config_option
@click.option("--strategy", default="cli", show_default=True)
@click.option("--client-order-id", required=True)
def cancel(config: Path | None, strategy: str, client_order_id: str) -> None:
    """Ask the gateway to cancel an order; `twsmq order list` or `twsmq watch order/` tell whether it did.

    \b
    Example:
      twsmq order cancel --client-order-id 20260102-093000-1a2b3c
    """
    with _client(settings_from(config)) as client:
        accepted = client.cancel_order(strategy=strategy, client_order_id=client_order_id)
    click.echo(f"{strategy}/{client_order_id}: {accepted.status}, order id {accepted.order_id}")


@order.command("list", short_help="List all orders.")
@config_option
@click.option("--strategy", help="Only those of this strategy.")
@click.option("--client-order-id", help="Only this one.")
@click.option("--active", is_flag=True, help="Only those that may still fill.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with every field.")
def list_orders(
    config: Path | None, strategy: str | None, client_order_id: str | None, active: bool, as_json: bool
) -> None:
    """List all orders, oldest first, finished ones too.

    \b
    Examples:
      twsmq order list --active
      twsmq order list --strategy alpha --json | jq .status
    """
    wanted: OrderFilter = {}
    if strategy is not None:
        wanted["strategy"] = strategy
    if client_order_id is not None:
        wanted["client_order_id"] = client_order_id
    if active:
        wanted["active"] = True
    with _client(settings_from(config)) as client:
        rows = client.orders(**wanted)
    if as_json:
        for row in rows:
            click.echo(msgspec.json.encode(payload(row)))
        return
    table = Table(box=None, pad_edge=False)
    for heading in _HEADINGS:
        table.add_column(heading, no_wrap=True)
    table.add_column("")
    for row in rows:
        prices = (row.limit_price, row.stop_price)
        table.add_row(
            f"{row.strategy}/{row.client_order_id}",
            row.instrument,
            row.side,
            optional(row.quantity),
            row.order_type,
            " / ".join(optional(price) for price in prices if price is not None),
            row.status,
            optional(row.filled),
            optional(row.avg_price),
            escape(_why(row)),
        )
    console().print(table if rows else "no orders")


def _await_verdict(client: Client, strategy: str, name: str, timeout: float | None) -> str | None:
    """Tell what happens to the order until it is done; its last status, None if it was not done in time.

    What the subscription may have missed, because it was young or events were lost, is asked for.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    story = Story(click.echo)
    while not story.over(time.monotonic()):
        left = _ASK_AGAIN_S if deadline is None else min(_ASK_AGAIN_S, deadline - time.monotonic())
        if left <= 0:
            return None
        received = client.receive(left)
        event = _present(client, strategy, name) if received is None else received.event
        story.hear(event, time.monotonic())
    return story.status


class Story:
    """What has become of one order, told once each. Over when it is done and its commissions are row."""

    def __init__(self, tell: Callable[[str], object]) -> None:
        self._tell = tell
        self._told: set[tuple[Any, ...]] = set()
        self._uncharged: set[str] = set()
        self._done_at: float | None = None
        self.status: str | None = None

    def hear(self, event: Event | None, now: float) -> None:
        match event:
            case Order():
                self.status = event.status
                if event.status in TERMINAL_STATUSES and self._done_at is None:
                    self._done_at = now
                progress = f"filled {optional(event.filled)} of {optional(event.quantity)}"
                at = f" at {optional(event.avg_price)}" if event.avg_price else ""
                why = _why(event)
                self._say(event.status, f"{progress}{at}{f'  ({why})' if why else ''}")
            case Fill():
                self._uncharged.add(event.exec_id)
                self._say("fill", f"{optional(event.quantity)} at {optional(event.price)}  {event.exec_id}")
            case Commission():
                self._uncharged.discard(event.exec_id)
                self._say("commission", f"{optional(event.commission)} {event.currency}  {event.exec_id}")
            case Notice():
                self._say("notice", f"{event.tws_code}: {event.text}")
            case _:
                pass

    def over(self, now: float) -> bool:
        if self._done_at is None:
            return False
        return not self._uncharged or now >= self._done_at + _COMMISSIONS_WITHIN_S

    def _say(self, what: str, detail: str) -> None:
        if (what, detail) not in self._told:
            self._told.add((what, detail))
            self._tell(f"  {what:<17}{detail}")


def _why(event: Order) -> str:
    code = "" if event.tws_code is None else f"{event.tws_code}: "
    return f"{code}{event.reason}" if event.reason else code.removesuffix(": ")


def _present(client: Client, strategy: str, name: str) -> Order | None:
    """The order as it now stands, or None while its node does not tell."""
    try:
        found = client.orders(strategy=strategy, client_order_id=name)
    except (RequestRefused, OutcomeUnknown):
        return None
    return found[0] if found else None


@contextmanager
def _client(settings: Settings) -> Generator[Client]:
    """What goes wrong with a request ends the command with one line."""
    try:
        require_listener(settings.config, endpoints.ORDERS)
        with Client(settings.config) as client:
            yield client
    except NobodyListens as error:
        raise NoCluster(f"{error}; `{typed(settings, 'status')}` tells whether the cluster runs") from error
    except OutcomeUnknown as error:
        raise Refused(str(error)) from error
    except RequestRefused as error:
        field = f" ({error.field})" if error.field else ""
        gateway = f" [gateway error {error.tws_code}]" if error.tws_code is not None else ""
        raise Refused(f"{error.code}{field}: {error.message}{gateway}") from error
