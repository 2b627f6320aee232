"""`twsmq budget`: who uses how much of what the gateway limits for all of a user's programs together."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
import msgspec
from msgspec import Struct
from rich.text import Text
from twsmq_protocol import endpoints
from twsmq_protocol.config import Config
from twsmq_protocol.errors import TwsmqError
from twsmq_protocol.metrics import Metrics
from twsmq_protocol.processes import message_share
from twsmq_protocol.requests import SubscriptionList

from ..client import Client
from ..sockets import listens
from .asking import json_option
from .options import SECONDS, NoCluster, config_option, running_from, typed
from .rendering import narrow_table, show
from .terminal import echo, echo_json, number

_ANSWER_S = 2.0


class _Reading(Struct):
    """One process at one moment."""

    at: float
    metrics: Metrics

    def value(self, name: str) -> float | None:
        for one in self.metrics.metrics:
            if one.name == name and one.samples:
                return sum(sample.value for sample in one.samples)
        return None


@click.command()
@config_option
@click.option("--seconds", type=SECONDS, default=1.0, show_default=True, help="How long to count messages.")
@json_option
def budget(config: Path | None, seconds: float, as_json: bool) -> None:
    """Show the budget of messages per second and of lines, by process: used, allowed, waiting.

    Quote lines, order books, tick-by-tick lines and bars kept up to date belong to all market-data shards
    together: `allowed` is what the other shards leave, `total` all there is.

    `share` is what a process may use whatever the others do, `allowed` what it may use at present: more while
    it borrows what others leave unused, less while it lends or while the gateway complains (code 100).

    Of the 50 histories that IBKR allows at once 6 are for look-backs, since it advises "a much smaller
    number"; the other 44 are for bars kept up to date. Neither lends to the other: more look-backs at once
    would only wait at the gateway.

    \b
    Examples:
      twsmq budget
      twsmq budget --json | jq '.processes[] | select(.waiting > 0)'
    """
    settings = running_from(config)
    cluster = settings.config
    names = [name for name in endpoints.node_names(cluster) if endpoints.client_id(cluster, name) is not None]
    with Client(cluster) as client:
        before = {name: _read(client, cluster, name) for name in names}
        if not any(before.values()):
            raise NoCluster(f"no process answers; start them with `{typed(settings, 'up')}`")
        time.sleep(seconds)
        after = {name: _read(client, cluster, name) for name in names}
        lines = [line for name in names for line in _lines(client, cluster, name, after[name])]
    rows = [_row(cluster, name, before[name], after[name]) for name in names]
    if as_json:
        total = cluster.gateway.messages_per_second or None
        echo_json({"messages_per_second": total, "processes": rows, "lines": lines})
        return
    cells = [
        (
            row["name"],
            shown_rate(row["used"]),
            shown_rate(row["allowed"]) if row["share"] else "no limit",
            shown_rate(row["share"]),
            number(row["waiting"]) if row["answers"] else "does not answer",
        )
        for row in rows
    ]
    show(narrow_table(("process", "messages/s", "allowed", "share", "waiting"), cells, right=(1, 2, 3, 4)))
    if lines:
        echo("")
        columns = ("used", "allowed", "waiting", "total")
        shown = [(one["process"], one["kind"], *(number(one[each]) for each in columns)) for one in lines]
        show(narrow_table(("process", "lines", *columns), shown, right=(2, 3, 4, 5)))
    show(Text(f"all together: {cluster.gateway.messages_per_second:g} messages/s", style="dim"))


def _read(client: Client, cluster: Config, name: str) -> _Reading | None:
    """None for a process that does not answer: the others still do."""
    if not listens(cluster, name):
        return None
    try:
        told = client.request(name, "metrics", timeout=_ANSWER_S)
        return _Reading(time.monotonic(), msgspec.convert(told, Metrics))
    except (TwsmqError, msgspec.ValidationError):
        return None


def _row(cluster: Config, name: str, before: _Reading | None, after: _Reading | None) -> dict[str, Any]:
    used = None
    if before and after and before.metrics.incarnation == after.metrics.incarnation and after.at > before.at:
        sent = [reading.value("gateway_messages_sent_total") or 0.0 for reading in (before, after)]
        used = round((sent[1] - sent[0]) / (after.at - before.at), 2)
    allowed = None if after is None else after.value("gateway_allowed_messages_per_second")
    share = message_share(cluster, name)
    return {
        "name": name,
        "client_id": endpoints.client_id(cluster, name),
        "answers": after is not None,
        "used": used,
        "allowed": None if allowed is None or not share else round(allowed, 2),
        "share": round(share, 2) or None,
        "waiting": None if after is None else int(after.value("gateway_queue_messages") or 0),
    }


def _lines(client: Client, cluster: Config, name: str, read: _Reading | None) -> list[dict[str, Any]]:
    """Quote lines, order books, tick-by-tick streams, histories: what counts for the whole user."""
    if read is None:
        return []
    if endpoints.shard_of(name) is None:
        used, allowed = read.value("histories_open"), read.value("histories_allowed")
        if used is None or allowed is None:
            return []
        waiting = read.value("histories_waiting") or 0
        return [_line(name, "histories", int(used), int(allowed), int(waiting), int(allowed))]
    try:
        told = client.request(name, "subscriptions", timeout=_ANSWER_S)
        kinds = msgspec.convert(told, SubscriptionList).lines
    except (TwsmqError, msgspec.ValidationError):
        return []
    return [
        _line(
            name,
            one.kind,
            one.used,
            one.allowed,
            one.waiting,
            one.allowed if one.total is None else one.total,
        )
        for one in kinds
    ]


def _line(process: str, kind: str, used: int, allowed: int, waiting: int, total: int) -> dict[str, Any]:
    return {
        "process": process,
        "kind": kind,
        "used": used,
        "allowed": allowed,
        "waiting": waiting,
        "total": total,
    }


def shown_rate(value: float | None) -> str:
    return number(None if value is None else round(value, 2))
