"""`twsmq order`: place, cancel and list orders from the command line."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.table import Table
from twsmq_protocol import endpoints
from twsmq_protocol.envelope import Event, payload
from twsmq_protocol.order_events import TERMINAL_STATUSES, Commission, Fill, Notice, Order
from twsmq_protocol.topics import order_topic
from twsmq_supervisor.settings import Settings

from ..client import Client
from ..errors import OutcomeUnknown, RequestRefused
from ..ops import OrderFilter
from .options import NoCluster, Refused, config_option, failure_of, settings_from, typed
from .order_options import arguments, order_options, order_type_table
from .reach import NobodyListens, require_listener
from .rendering import optional, show
from .terminal import echo, echo_json, printable

_ASK_AGAIN_S = 1.0
_COMMISSIONS_WITHIN_S = 2.0
_SETTLES_WITHIN_S = 2.0
_NOT_WORKING = frozenset(("rejected", "inactive", "not_sent", "unknown"))
_STILL_WORKS, _INTERRUPTED = 4, 130
NO_SUCH_CONTRACT = 200
"""The gateway's words for it, "No security definition has been found for the request", name no instrument."""
_HEADINGS = ("order", "instrument", "side", "quantity", "type", "price", "status", "filled", "avg")


@click.group()
def order() -> None:
    """Place, cancel and list orders.

    An order is named by its strategy and its client order id, which you may choose: the same `place` again
    with the same id places nothing twice.
    """


@order.command(short_help="Place one order and wait for the verdict.", epilog=order_type_table())
@config_option
@order_options
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

    \b
    Exit codes:
      0    filled; cancelled because somebody asked twsmq to; with --no-wait: accepted
      1    refused, rejected, inactive, not sent, unknown, or cancelled though nobody asked
      2    wrong usage or configuration
      3    the orders node is not running
      4    still working when --timeout was over
      130  Ctrl-C, which ends the waiting, not the order

    \b
    Examples:
      twsmq order place --instrument STK:AAPL:SMART:USD --side BUY --quantity 10 --order-type MKT
      twsmq order place --instrument STK:AAPL:SMART:USD --side SELL --quantity 10 \\
                        --order-type LMT --limit-price 250 --tif GTC --no-wait
      twsmq order place --instrument STK:AAPL:SMART:USD --side SELL --quantity 10 \\
                        --order-type TRAIL --trail-percent 2
    """
    settings = settings_from(config)
    name = client_order_id or f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"
    args = {"strategy": strategy, "client_order_id": name, **arguments(rest)}
    with _client(settings, args["instrument"]) as client:
        client.subscribe(order_topic(strategy, name))
        try:
            accepted = client.request(endpoints.ORDERS, "place_order", args)
        except OutcomeUnknown as error:
            raise Refused(f"{error}: --client-order-id {name}") from error
        echo(f"{strategy}/{name}: {accepted['status']}, order id {accepted['order_id']}")
        if no_wait:
            raise SystemExit(Refused.exit_code if accepted["status"] in _NOT_WORKING else 0)
        story = Story(echo)
        code = _INTERRUPTED
        with suppress(KeyboardInterrupt):
            _follow(client, strategy, name, timeout, story)
            code = story.exit_code()
    if story.may_fill():
        cure = typed(settings, "order", "cancel", "--strategy", strategy, "--client-order-id", name)
        echo(f"no longer waiting; the order goes on. Cancel it with: {cure}")
    raise SystemExit(code)


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
    echo(f"{strategy}/{client_order_id}: {accepted.status}, order id {accepted.order_id}")


@order.command("list", short_help="List all orders.")
@config_option
@click.option("--strategy", help="Only those of this strategy.")
@click.option("--client-order-id", help="Only this one.")
@click.option("--active", is_flag=True, help="Only those that may still fill.")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    help="Only what changed since then (UTC).",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with every field.")
def list_orders(
    config: Path | None,
    strategy: str | None,
    client_order_id: str | None,
    active: bool,
    since: datetime | None,
    as_json: bool,
) -> None:
    """List all orders, oldest first, finished ones too.

    \b
    Examples:
      twsmq order list --active
      twsmq order list --since 2026-01-02
      twsmq order list --strategy alpha --json | jq .status
    """
    wanted: OrderFilter = {}
    if strategy is not None:
        wanted["strategy"] = strategy
    if client_order_id is not None:
        wanted["client_order_id"] = client_order_id
    if active:
        wanted["active"] = True
    if since is not None:
        wanted["since"] = int(since.replace(tzinfo=UTC).timestamp()) * 10**9
    with _client(settings_from(config)) as client:
        rows = client.orders(**wanted)
    if as_json:
        for row in rows:
            echo_json(payload(row))
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
    show(table if rows else "no orders")


def _follow(client: Client, strategy: str, name: str, timeout: float | None, story: Story) -> None:
    """Tell what happens to the order until it is done or `timeout` seconds have passed.

    What the subscription may have missed, because it was young or events were lost, is asked for.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    while not story.over(time.monotonic()):
        left = _ASK_AGAIN_S if deadline is None else min(_ASK_AGAIN_S, deadline - time.monotonic())
        if left <= 0:
            return
        received = client.receive(left)
        event = _present(client, strategy, name) if received is None else received.event
        story.hear(event, time.monotonic())


class Story:
    """What has become of one order, told once each.

    Over when it is done and its commissions are known. A cancel nobody asked for, and `inactive`, must have
    stood for a moment: the gateway may say only afterwards why (orderStatus Cancelled or Inactive, then error
    201, IBKR API docs).
    """

    def __init__(self, tell: Callable[[str], object]) -> None:
        self._tell = tell
        self._told: set[tuple[Any, ...]] = set()
        self._uncharged: set[str] = set()
        self._since = 0.0
        self._asked = False  # twsmq was told to cancel it
        self._explained = False
        self.status: str | None = None

    def hear(self, event: Event | None, now: float) -> None:
        match event:
            case Order():
                if event.status != self.status:
                    self.status, self._since = event.status, now
                self._asked |= event.status == "pending_cancel"
                self._explained = event.reason is not None or event.tws_code is not None
                self._say(event.status, _standing(event))
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

    def may_fill(self) -> bool:
        return self.status not in TERMINAL_STATUSES

    def over(self, now: float) -> bool:
        stood = now - self._since
        if self.status == "inactive":
            return stood >= _SETTLES_WITHIN_S
        if self.may_fill():
            return False
        if self.status == "cancelled" and not (self._asked or self._explained):
            return stood >= _SETTLES_WITHIN_S
        return not self._uncharged or stood >= _COMMISSIONS_WITHIN_S

    def exit_code(self) -> int:
        """As `twsmq order place --help` lists them."""
        if self.status == "filled" or (self.status == "cancelled" and self._asked):
            return 0
        if self.status in _NOT_WORKING or not self.may_fill():
            return Refused.exit_code
        return _STILL_WORKS

    def _say(self, what: str, detail: str) -> None:
        if (what, detail) not in self._told:
            self._told.add((what, detail))
            self._tell(f"  {what:<17}{printable(detail)}")


def _standing(event: Order) -> str:
    """How far it is filled, why it came to this status, and the gateway's own word for `submitted`."""
    at = f" at {optional(event.avg_price)}" if event.avg_price else ""
    word = event.gateway_status if event.status == "submitted" else None
    notes = [f"  ({note})" for note in (word, _why(event)) if note]
    return f"filled {optional(event.filled)} of {optional(event.quantity)}{at}{''.join(notes)}"


def _why(event: Order) -> str:
    code = "" if event.tws_code is None else f"{event.tws_code}: "
    why = f"{code}{event.reason}" if event.reason else code.removesuffix(": ")
    return f"{why}: {event.instrument}" if event.tws_code == NO_SUCH_CONTRACT else why


def _present(client: Client, strategy: str, name: str) -> Order | None:
    """The order as it now stands, or None while its node does not tell."""
    try:
        found = client.orders(strategy=strategy, client_order_id=name)
    except (RequestRefused, OutcomeUnknown):
        return None
    return found[0] if found else None


@contextmanager
def _client(settings: Settings, instrument: str = "") -> Generator[Client]:
    """What goes wrong with a request ends the command with one line."""
    try:
        require_listener(settings.config, endpoints.ORDERS)
        with Client(settings.config) as client:
            yield client
    except NobodyListens as error:
        raise NoCluster(f"{error}; `{typed(settings, 'status')}` tells whether the cluster runs") from error
    except RequestRefused as error:
        if error.tws_code == NO_SUCH_CONTRACT and instrument not in error.message:
            error.message += f": {instrument}"
        raise failure_of(error) from error
