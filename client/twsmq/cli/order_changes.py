"""`twsmq order modify`: change a working order, and wait until it is known what came of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
from twsmq_protocol.envelope import Event, payload
from twsmq_protocol.order_events import Notice, Order
from twsmq_protocol.order_requests import ModifyOrder
from twsmq_protocol.topics import order_topic

from ..client import Client
from .asking import ask, asking, json_option, strategy_option
from .options import SECONDS, Refused, config_option, running_from
from .order_options import HELP, given_options, struct_options
from .order_story import STILL_WORKS, in_words, present
from .terminal import echo, echo_json, number, printable

_NAMES = ("strategy", "client_order_id")
_HELP = HELP | {
    "quantity": "The new total, above what is filled.",
    "order_type": "Another type, like STP or MKT; `order place --help` lists them.",
    "tif": "How long it works, like GTC.",
    "transmit": "Hand a staged order on to the market.",
}


@click.command(short_help="Change a working order: price, quantity and more.")
@config_option
@struct_options(ModifyOrder, _HELP, omitted=_NAMES, partial=True)
@strategy_option
@click.option("--client-order-id", required=True)
@click.option("--no-wait", is_flag=True, help="Return once the change is sent, without its outcome.")
@click.option(
    "--timeout", type=SECONDS, default=10.0, show_default=True, help="Seconds to wait for the outcome."
)
@json_option
def modify(
    config: Path | None,
    strategy: str,
    client_order_id: str,
    no_wait: bool,
    timeout: float,
    as_json: bool,
    **changes: Any,
) -> None:
    """Change what is given of a working order and keep the rest; print what came of it.

    \b
    Exit codes:
      0  it stands as asked (with --no-wait: the change was sent)
      1  refused, or the order is done; it stands as it stood
      4  its outcome is not known yet: `twsmq order list` shows how it stands

    \b
    Examples:
      twsmq order modify --client-order-id my-1 --limit-price 190
      twsmq order modify --client-order-id my-stop --stop-price 181.5
      twsmq order modify --strategy alpha --client-order-id a-7 --quantity 50
    """
    asked = given_options(changes)
    if not asked:
        raise click.UsageError("give at least one attribute to change, like --limit-price 190")
    name = {"strategy": strategy, "client_order_id": client_order_id}
    with asking(running_from(config)) as client:
        client.subscribe(order_topic(strategy, client_order_id))
        accepted = ask(client, "modify_order", name | asked)
        if as_json:
            echo_json({"strategy": strategy, **accepted})
        else:
            echo(f"{strategy}/{client_order_id}: change sent: {_in_words(asked)}")
        if no_wait:
            return
        outcome = Outcome(asked)
        _await(client, name, outcome, time.monotonic() + timeout, as_json=as_json)
    if outcome.known and not outcome.shown and not as_json:
        echo(f"  {'confirmed':<17}{_in_words(asked)}")
    if outcome.known is None:
        if not as_json:
            echo(f"  no report of it within {timeout:g} s; `twsmq order list` shows how it stands")
        raise SystemExit(STILL_WORKS)
    raise SystemExit(0 if outcome.known else Refused.exit_code)


class Outcome:
    """Whether a change stands (`known`: true), does not (false), or that is not known yet (None). Pure."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self._asked = asked
        self.known: bool | None = None
        self.shown = False  # by a line of the gateway's own answer
        self._number: int | None = None  # of the change that was sent, which may have rounded prices
        self._said_before: str | None = None  # of the order before the change was sent

    def receive(self, event: Event) -> str | None:
        """The line to print about it."""
        if event.__struct_config__.tag == "change":
            told = payload(event)
            if told["outcome"] == "sent":
                staged = "transmit" in self._asked and "transmit" in told["asked"]  # is sent whole
                if staged or told["asked"].keys() == self._asked.keys():
                    self._number = told["change_no"]
            elif told["asked"] == self._asked or told["change_no"] == self._number:
                self.known, self.shown = told["outcome"] == "confirmed", True
        elif isinstance(event, Order):
            stands = payload(event)
            if event.status in ("filled", "cancelled", "rejected", "inactive"):
                self.known = False
            elif all(name in stands and stands[name] == value for name, value in self._asked.items()):
                self.known = True
                return None
            elif event.reason is None or event.reason == self._said_before:
                return None
            elif self._number is None:
                self._said_before = event.reason  # about a change before this one, or nobody knows what
                return None
        elif not isinstance(event, Notice):
            return None
        words = in_words(event)
        return None if words is None else f"  {words[0]:<17}{printable(words[1])}"


def _await(client: Client, name: dict[str, str], outcome: Outcome, until: float, *, as_json: bool) -> None:
    told: set[str] = set()
    while outcome.known is None and (left := until - time.monotonic()) > 0:
        received = client.receive(min(left, 1.0))
        event = present(client, **_named(name)) if received is None else received.event
        line = None if event is None else outcome.receive(event)
        if event is None or line is None or line in told:
            continue
        told.add(line)
        if as_json:
            echo_json({"type": event.__struct_config__.tag, **payload(event)})
        else:
            echo(line)


def _in_words(values: dict[str, Any]) -> str:
    return ", ".join(
        f"{name} {number(value) if isinstance(value, float) else value}" for name, value in values.items()
    )


def _named(name: dict[str, str]) -> dict[str, str]:
    return {"strategy": name["strategy"], "name": name["client_order_id"]}
