"""`twsmq order`: place, change, cancel and watch orders from the command line."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec
from twsmq_protocol.counted import counted
from twsmq_protocol.envelope import payload
from twsmq_protocol.order_events import TERMINAL_STATUSES, Order
from twsmq_protocol.requests import CancelOrders
from twsmq_protocol.topics import order_topic

from ..client import Client
from ..ops import OrderFilter
from .asking import ask, asking, confirm_option, json_option, known_as, named, require_word, strategy_option
from .options import SECONDS, SOME_SECONDS, Refused, Unusable, config_option, running_from, typed
from .order_changes import modify
from .order_exercise import exercise
from .order_foreign import cancel_foreign, show_foreign
from .order_groups import bracket, preview
from .order_options import arguments, order_options, order_type_table
from .order_resolve import resolve
from .order_story import INTERRUPTED, NOT_WORKING, Story, follow, in_words, present, why
from .rendering import narrow_table, show
from .terminal import echo, echo_json, number, printable


@click.group()
def order() -> None:
    """Place, change, cancel and watch orders.

    An order is named by its strategy and its client order id, which you may choose: the same `place` again
    with the same id places nothing twice.

    \b
    Examples:
      twsmq order place --instrument STK:AAPL:SMART:USD --side BUY --quantity 10 --order-type MKT
      twsmq order list --active
      twsmq order modify --client-order-id my-1 --limit-price 190
      twsmq order cancel --client-order-id my-1
    """


@order.command(short_help="Place one order and wait for the verdict.", epilog=order_type_table())
@config_option
@order_options
@strategy_option
@click.option("--client-order-id", help="Your own name for it. [default: a new one]")
@click.option("--no-wait", is_flag=True, help="Return once the order is accepted, without its verdict.")
@click.option("--timeout", type=SECONDS, help="Seconds to wait for the verdict. [default: until it comes]")
@json_option
def place(
    config: Path | None,
    strategy: str,
    client_order_id: str | None,
    no_wait: bool,
    timeout: float | None,
    as_json: bool,
    **rest: Any,
) -> None:
    """Place one order and print what becomes of it until it is done.

    An order that rests in the market may take all day: Ctrl-C ends the waiting and not the order; or give
    --timeout or --no-wait.

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
    settings = running_from(config)
    name = named(client_order_id)
    args = {"strategy": strategy, "client_order_id": name, **arguments(rest)}
    with asking(settings, instrument=args["instrument"]) as client:
        client.subscribe(order_topic(strategy, name))
        before = None if client_order_id is None else present(client, strategy, name)
        with known_as(name):
            accepted = ask(client, "place_order", args)
        again = before is not None and before.order_id == accepted["order_id"]
        if before is not None and again:  # the answer is the first one: how it stands is news
            accepted["status"] = before.status
        if as_json:
            echo_json({"strategy": strategy, **accepted})
        else:
            placed = ", placed before" if again else ""
            echo(f"{strategy}/{name}: {accepted['status']}, order id {accepted['order_id']}{placed}")
        if no_wait:
            raise SystemExit(Refused.exit_code if accepted["status"] in NOT_WORKING else 0)
        story = JsonStory() if as_json else Story(echo)
        code = INTERRUPTED
        with suppress(KeyboardInterrupt):
            follow(client, strategy, name, timeout, story)
            code = story.exit_code()
    if story.may_fill() and not as_json:
        cure = typed(settings, "order", "cancel", "--strategy", strategy, "--client-order-id", name)
        echo(f"no longer waiting; the order goes on. Cancel it with: {cure}")
    raise SystemExit(code)


class JsonStory(Story):
    """The same as the events themselves, one JSON object a line."""

    def __init__(self) -> None:
        super().__init__(lambda _line: None)
        self._events: list[dict[str, Any]] = []

    def receive(self, event: Any, now: float) -> bool:
        news = super().receive(event, now)
        if news and event is not None and in_words(event) is not None:
            row = {"type": event.__struct_config__.tag, **payload(event)}
            if row not in self._events:
                self._events.append(row)
                echo_json(row)
        return news


@order.command(short_help="Ask the gateway to cancel an order.")
@config_option
@strategy_option
@click.option("--client-order-id", required=True)
@json_option
def cancel(config: Path | None, strategy: str, client_order_id: str, as_json: bool) -> None:
    """Ask the gateway to cancel an order; `twsmq order list` or `twsmq order watch` shows whether it did.

    \b
    Example:
      twsmq order cancel --client-order-id 20260102-093000-1a2b3c
    """
    with asking(running_from(config)) as client:
        accepted = client.cancel_order(strategy=strategy, client_order_id=client_order_id)
    if as_json:
        echo_json(accepted)
    else:
        echo(f"{strategy}/{client_order_id}: {accepted.status}, order id {accepted.order_id}")


@order.command("cancel-all", short_help="Cancel all orders that match, or everybody's.")
@config_option
@click.option("--strategy", help="Only those of this strategy.")
@click.option("--account", help="Only those on this account.")
@click.option("--instrument", help="Only those of this instrument.")
@confirm_option
@json_option
def cancel_all(
    config: Path | None,
    strategy: str | None,
    account: str | None,
    instrument: str | None,
    confirm: str | None,
    as_json: bool,
) -> None:
    """Cancel every working order that matches all that is given; without anything, everybody's.

    Everybody's wants the word "everything" typed, or given as --confirm.

    \b
    Examples:
      twsmq order cancel-all --strategy alpha
      twsmq order cancel-all --instrument STK:AAPL:SMART:USD
      twsmq order cancel-all --confirm everything
    """
    given = {"strategy": strategy, "account": account, "instrument": instrument}
    wanted: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    assert wanted.keys() <= set(CancelOrders.__struct_fields__)
    settings = running_from(config)
    if "" in wanted.values():
        raise Unusable("nothing was cancelled: what is given to narrow it is empty, as an unset variable is")
    if not wanted:
        require_word("everything", confirm, "cancels every working order of every strategy")
        wanted = {"all": True}
    with asking(settings) as client:
        rows = ask(client, "cancel_orders", wanted)["orders"]
    for row in rows:
        if as_json:
            echo_json(row)
        else:
            echo(f"{row['client_order_id']}: {row['status']}, order id {row['order_id']}")
    if not as_json:
        under_way = sum(row["status"] not in TERMINAL_STATUSES for row in rows)
        never_sent = f"; {len(rows) - under_way} had never been sent" if under_way < len(rows) else ""
        echo(
            f"{counted(under_way, 'cancel is', 'cancels are')} under way{never_sent}"
            if rows
            else "no working order matches"
        )


order.add_command(exercise)
order.add_command(cancel_foreign)
order.add_command(resolve)


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
@json_option
def list_orders(
    config: Path | None,
    strategy: str | None,
    client_order_id: str | None,
    active: bool,
    since: datetime | None,
    as_json: bool,
) -> None:
    """List all orders, oldest first, finished ones too; below them those that others have working.

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
        at = int(since.replace(tzinfo=UTC).timestamp())
        if at < 0:
            raise Unusable(f"--since {since:%Y-%m-%d} is before 1970")
        wanted["since"] = at * 10**9
    with asking(running_from(config)) as client:
        found = ask(client, "get_orders", dict(wanted))
    rows, foreign = msgspec.convert(found["orders"], list[Order]), found["foreign"]
    if as_json:
        for row in rows:
            echo_json(payload(row))
        for other in foreign:
            echo_json({"foreign": True, **other})
        return
    if not rows and not foreign:
        echo("no orders")
        return
    _show_own(rows)
    show_foreign(foreign)


def _show_own(rows: list[Order]) -> None:
    if not rows:
        return
    cells = [
        (
            f"{row.strategy}/{row.client_order_id}",
            row.instrument,
            f"{row.side} {number(row.quantity)} {_kind(row)}",
            row.status,
            f"{number(row.filled)}" + (f" at {number(row.avg_price)}" if row.avg_price else ""),
        )
        for row in rows
    ]
    show(narrow_table(("order", "instrument", "what", "status", "filled"), cells))
    for row in rows:
        if why(row):
            echo(f"{row.strategy}/{row.client_order_id} {row.status}: {printable(why(row))}")


@order.command(short_help="Print what happens to orders, as it happens.")
@config_option
@click.option("--strategy", help="Only those of this strategy.")
@click.option("--client-order-id", help="Only this one; with --strategy.")
@click.option("--seconds", type=SOME_SECONDS, help="End after so long.")
@json_option
def watch(
    config: Path | None,
    strategy: str | None,
    client_order_id: str | None,
    seconds: float | None,
    as_json: bool,
) -> None:
    """Print a line for every change, fill, commission and notice of the orders named, until Ctrl-C.

    What works already is printed first.

    \b
    Examples:
      twsmq order watch
      twsmq order watch --strategy alpha
      twsmq order watch --strategy alpha --json | jq .status
    """
    if client_order_id is not None and strategy is None:
        raise Unusable("--client-order-id goes with --strategy")
    prefix = "".join(f"{level}/" for level in ("order", strategy, client_order_id) if level is not None)
    settings = running_from(config)
    with asking(settings) as client, suppress(KeyboardInterrupt):
        client.subscribe(prefix)
        _print_events(client, seconds, as_json=as_json)


def _print_events(client: Client, seconds: float | None, *, as_json: bool) -> None:
    for topic, event, lost in client.events(within=seconds):
        told = in_words(event)
        if lost:
            echo(
                f"{counted(lost, 'event was', 'events were')} lost; `twsmq order list` shows how all stands",
                err=True,
            )
        if told is None:
            continue
        if as_json:
            echo_json({"topic": topic, "type": event.__struct_config__.tag, **payload(event)})
            continue
        at = datetime.fromtimestamp(event.ts / 1e9).strftime("%H:%M:%S")
        name = topic.removeprefix("order/").rstrip("/")
        echo(f"{at}  {printable(name)}  {told[0]}: {printable(told[1])}")


def _kind(row: Order) -> str:
    prices = [number(price) for price in (row.limit_price, row.stop_price) if price is not None]
    trails = [f"{number(row.trail_percent)} %"] if row.trail_percent is not None else []
    trails += [f"by {number(row.trail_amount)}"] if row.trail_amount is not None else []
    if row.trail_stop_price is not None and row.status not in TERMINAL_STATUSES:
        trails.append(f"now {number(row.trail_stop_price)}")
    staged = "staged" if row.staged and row.status not in TERMINAL_STATUSES else ""
    words = (row.order_type, "/".join(prices), *trails, "" if row.tif == "DAY" else row.tif, staged)
    return " ".join(word for word in words if word)


order.add_command(modify)
order.add_command(bracket)
order.add_command(preview)
