"""The board: everything a desk looks at, in sections of rows, the same for the page and for the terminal.

Theory: the status node keeps the board; whoever shows it asks for it once (`board`) and then applies what
changed (`board/<section>/`). Rows hold moments, never ages: what is shown as an age is reckoned where it is
shown, so that it goes on growing when nobody sends any more. Each section says when its source last confirmed
it (`as_of`): a section whose source is dead keeps its rows and gets old.

`SECTIONS` is the one table of sections and columns; the page, `twsmq top` and SPEC follow it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from .envelope import Args, Event

ColumnKind = Literal[
    "text", "state", "side", "integer", "id", "quantity", "price", "money", "percent", "bytes", "seconds",
    "time", "age", "flag",
]  # fmt: skip
"""How a value is shown. id: a number that names something; time, age: ns since the epoch; seconds: how long;
percent: 0.05 is 5 %."""

MOST_ROWS = 1000
Row = dict[str, Any]
"""With a `key`, and a value for each column of its section, None where there is none."""


class Column(Struct, frozen=True):
    """A field of a section's rows. `wide`: left out where there is little room."""

    name: str
    title: str
    kind: ColumnKind = "text"
    wide: bool = False


class Section(Struct, frozen=True):
    """`source`: the process whose word it is; empty for several. `order`: how rows are laid out, by fields,
    `-` for descending."""

    title: str
    source: str
    columns: tuple[Column, ...]
    empty: str = "nothing"
    order: str = ""


def laid_out(rows: Mapping[str, Row], order: str) -> dict[str, Row]:
    """In an order as a `Section` has it; what has no value stands last, what is alike as it stood before."""
    found = list(rows.items())
    for name in reversed(order.split(",") if order else []):
        down, plain = name.startswith("-"), name.removeprefix("-")
        there = [each for each in found if each[1].get(plain) is not None]
        absent = [each for each in found if each[1].get(plain) is None]
        found = sorted(there, key=lambda each: each[1][plain], reverse=down) + absent
    return dict(found)


_C = Column

SECTIONS: dict[str, Section] = {
    "desk": Section(
        "Desk",
        "",
        (
            _C("mode", "mode", "state"),
            _C("gateway", "gateway", "state"),
            _C("gateway_since", "for", "age"),
            _C("upstream", "upstream", "state"),
            _C("farms", "farms"),
            _C("halted", "halted", "state"),
            _C("unknown", "unknown orders", "integer"),
            _C("working", "working orders", "integer"),
            _C("alerts", "alerts", "integer"),
            _C("next_restart", "next restart", "time"),
            _C("reason", "reason"),
            _C("host", "address", "text", wide=True),
        ),
    ),
    "orders": Section(
        "Orders",
        "orders",
        (
            _C("strategy", "strategy"),
            _C("client_order_id", "order"),
            _C("instrument", "instrument"),
            _C("side", "side", "side"),
            _C("quantity", "quantity", "quantity"),
            _C("filled", "filled", "quantity"),
            _C("order_type", "type"),
            _C("limit_price", "limit", "price"),
            _C("stop_price", "stop", "price"),
            _C("status", "status", "state"),
            _C("since", "in state", "age"),
            _C("avg_price", "average", "price"),
            _C("tif", "tif", "text", wide=True),
            _C("account", "account", "text", wide=True),
            _C("order_id", "order id", "id", wide=True),
            _C("reason", "reason", "text"),
        ),
        "no orders today: `twsmq order place --help`, or `place_order` from a program",
        "rank,-since",
    ),
    "foreign": Section(
        "Foreign orders",
        "orders",
        (
            _C("perm_id", "perm id", "id"),
            _C("client_id", "client id", "id"),
            _C("instrument", "instrument"),
            _C("side", "side", "side"),
            _C("quantity", "quantity", "quantity"),
            _C("filled", "filled", "quantity"),
            _C("order_type", "type"),
            _C("limit_price", "limit", "price"),
            _C("stop_price", "stop", "price"),
            _C("status", "status", "state"),
            _C("account", "account"),
            _C("reference", "reference", "text", wide=True),
        ),
        "none: every working order was placed here",
        "perm_id",
    ),
    "strategies": Section(
        "Strategies",
        "orders",
        (
            _C("strategy", "strategy"),
            _C("halted", "halted", "state"),
            _C("working", "working", "integer"),
            _C("unknown", "unknown", "integer"),
            _C("fills", "fills", "integer"),
            _C("realized", "realized today", "money"),
            _C("commission", "commission today", "money"),
            _C("currency", "in"),
            _C("states", "orders by state"),
        ),
        "no strategy has traded today",
        "strategy",
    ),
    "fills": Section(
        "Fills",
        "orders",
        (
            _C("time", "time", "time"),
            _C("strategy", "strategy"),
            _C("client_order_id", "order"),
            _C("instrument", "instrument"),
            _C("side", "side", "side"),
            _C("quantity", "quantity", "quantity"),
            _C("price", "price", "price"),
            _C("mid", "mid at placing", "price", wide=True),
            _C("slippage", "slippage", "price"),
            _C("latency_s", "latency", "seconds"),
            _C("commission", "commission", "money"),
            _C("realized_pnl", "realized", "money"),
            _C("currency", "in"),
            _C("corrects", "corrects", "text", wide=True),
            _C("exec_id", "execution", "text", wide=True),
        ),
        "no fills today",
        "-time",
    ),
    "positions": Section(
        "Positions",
        "status",
        (
            _C("account", "account"),
            _C("instrument", "instrument"),
            _C("quantity", "broker's", "quantity"),
            _C("own", "own count", "quantity"),
            _C("outside", "from outside", "quantity", wide=True),
            _C("difference", "difference", "quantity"),
            _C("avg_cost", "average cost", "price"),
            _C("value", "value", "money"),
            _C("daily", "day", "money"),
            _C("unrealized", "unrealized", "money"),
            _C("realized", "realized", "money", wide=True),
            _C("currency", "in"),
            _C("updated", "age", "age"),
        ),
        "no positions at the broker, none counted here",
        "account,instrument",
    ),
    "accounts": Section(
        "Accounts",
        "status",
        (
            _C("account", "account"),
            _C("currency", "currency"),
            _C("net_liquidation", "net liquidation", "money"),
            _C("daily", "day", "money"),
            _C("unrealized", "unrealized", "money"),
            _C("realized", "realized", "money"),
            _C("cash", "cash", "money"),
            _C("buying_power", "buying power", "money", wide=True),
            _C("excess_liquidity", "excess liquidity", "money"),
            _C("maintenance_margin", "maintenance margin", "money", wide=True),
            _C("cushion", "cushion", "percent"),
            _C("pnl_updated", "age of result", "age"),
            _C("updated", "age of figures", "age"),
        ),
        "no account is known yet: the gateway names them once it is up",
    ),
    "cash": Section(
        "Currencies",
        "status",
        (
            _C("account", "account"),
            _C("currency", "currency"),
            _C("cash", "cash", "money"),
            _C("rate", "rate", "price"),
            _C("net_liquidation", "worth", "money"),
            _C("unrealized", "unrealized", "money"),
            _C("updated", "age", "age"),
        ),
        "no currency is known yet",
    ),
    "streams": Section(
        "Market data",
        "marketdata",
        (
            _C("topic", "topic"),
            _C("state", "state", "state"),
            _C("last_data", "last data", "age"),
            _C("gaps", "gaps", "integer"),
            _C("consumers", "consumers", "text"),
            _C("since", "wanted for", "age", wide=True),
            _C("line", "line", "id", wide=True),
            _C("shard", "shard", "text", wide=True),
        ),
        "nobody subscribes to anything: `twsmq watch quote/STK:AAPL:SMART:USD/` does",
        "topic",
    ),
    "lines": Section(
        "Gateway lines",
        "marketdata",
        (
            _C("shard", "shard"),
            _C("kind", "kind"),
            _C("used", "used", "integer"),
            _C("allowed", "allowed", "integer"),
            _C("share", "in use", "percent"),
        ),
        "no shard has answered yet",
    ),
    "processes": Section(
        "Processes",
        "supervisor",
        (
            _C("name", "process"),
            _C("alive", "alive", "state"),
            _C("beating", "beating", "state"),
            _C("ready", "ready", "state"),
            _C("heard", "heard", "age"),
            _C("since", "up for", "age"),
            _C("restarts", "restarts", "integer"),
            _C("memory", "memory", "bytes"),
            _C("cpu", "cpu", "percent"),
            _C("lag_s", "loop lag p99", "seconds"),
            _C("pid", "pid", "id", wide=True),
            _C("client_id", "client id", "id"),
            _C("words", "last words"),
        ),
    ),
    "budget": Section(
        "Message budget",
        "",
        (
            _C("name", "process"),
            _C("client_id", "client id", "id"),
            _C("rate", "messages/s", "quantity"),
            _C("share", "its share/s", "quantity"),
            _C("used", "in use", "percent"),
            _C("queue", "waiting", "integer"),
            _C("wait_s", "wait p99", "seconds"),
            _C("sent", "sent", "integer", wide=True),
            _C("errors", "gateway errors", "integer"),
        ),
        "no process has answered yet",
    ),
    "alerts": Section(
        "Alerts",
        "status",
        (
            _C("name", "alert"),
            _C("severity", "severity", "state"),
            _C("state", "state", "state"),
            _C("since", "for", "age"),
            _C("about", "about"),
            _C("text", "what"),
            _C("acknowledged_by", "acknowledged by"),
            _C("silenced_until", "silenced until", "time", wide=True),
            _C("resolved", "resolved", "time", wide=True),
        ),
        "no alert has fired; `twsmq alerts test` tries where they go",
        "rank,-since",
    ),
}
"""Every section there is, in the order they are shown. A row is a map with a `key` and these columns."""


class BoardChange(Event, frozen=True, kw_only=True, tag="board_change"):
    """What changed in a section: `rows` by key, nil for one that is gone. `rev` counts the changes of the
    section; `as_of` (ns) is when its source last confirmed it, nil for never."""

    section: str
    rev: int
    as_of: int | None = None
    rows: dict[str, dict[str, Any] | None] = field(default_factory=dict[str, dict[str, Any] | None])


class GetBoard(Args, frozen=True, kw_only=True):
    """`board`: the board as it stands, in pages: rows `after` … `after` + `limit` of each section. Pages are
    of one moment where each is asked for with the last one's `next`."""

    sections: list[str] | None = None
    after: Annotated[int, Meta(ge=0, le=2**53)] = 0
    limit: Annotated[int, Meta(ge=1, le=MOST_ROWS)] = 500


class BoardSection(Struct, frozen=True, kw_only=True):
    """`total`: how many rows there are. `rev` as in the `board_change` event."""

    name: str
    rev: int
    as_of: int | None
    total: int
    rows: list[dict[str, Any]]


class Board(Struct, frozen=True, kw_only=True):
    """Result of `board`. `next`: ask with it as `after` for more, nil on the last page."""

    at: int
    incarnation: int
    sections: list[BoardSection]
    next: int | None = None


class AccountFigures(Struct, frozen=True, kw_only=True):
    """Result of `account`: rows of the sections `accounts` and `cash`."""

    as_of: int | None
    accounts: list[dict[str, Any]]
    currencies: list[dict[str, Any]]


class PnlFigures(Struct, frozen=True, kw_only=True):
    """Result of `pnl`: of each account, strategy and position, as in the board."""

    as_of: int | None
    accounts: list[dict[str, Any]]
    strategies: list[dict[str, Any]]
    positions: list[dict[str, Any]]
