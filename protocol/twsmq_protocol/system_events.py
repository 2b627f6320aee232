"""Events about the system itself: processes, nodes, the gateway, accounts, positions.

Alive, beating and ready are three things: the supervisor knows whether a process is alive, a heartbeat shows
that its loop turns, and only `state == "ready"` says that it does its work.
"""

from __future__ import annotations

from typing import Literal, Self

import msgspec

from .envelope import Event, Finite

NodeState = Literal["starting", "connecting", "waiting_client_id", "reconciling", "ready", "stopping"]
ProcessState = Literal[
    "stopped",
    "starting",
    "connecting",
    "waiting_client_id",
    "reconciling",
    "ready",
    "hung",
    "backoff",
    "failed",
    "stopping",
]
LinkState = Literal["disconnected", "connecting", "waiting_client_id", "up", "upstream_lost"]


class Heartbeat(Event, frozen=True, kw_only=True, tag="heartbeat"):
    """Every half second from every node on `node/<name>/`. `detail` says what it waits for, nil when ready.

    `last_event_no` and `strategy_nos` come from the orders node only: the newest numbers it has given out,
    so that a subscriber sees that it lost the last order event; so do `halted` (each halted strategy, "" is
    everybody, and why) and `killed` (those whose halt also cancels all that works). From market-data shards
    only: `silent_lines`, lines of which nothing comes though they should tick and were asked for again, and
    `flowing_lines`, how many data came on lately, which shows whether the lines or the session are at fault.
    From them and from history: `competing`, whether the gateway refuses data for another session of the user.
    `cpu` is the part of one processor used since the last beat, `loop_lag_s` how late the loop was at most.
    """

    name: str
    pid: int
    state: NodeState
    client_id: int | None = None
    uptime_s: Finite = 0.0
    detail: str | None = None
    last_event_no: int | None = None
    strategy_nos: dict[str, int] | None = None
    silent_lines: int | None = None
    flowing_lines: int | None = None
    competing: bool | None = None
    halted: dict[str, str] | None = None
    killed: list[str] | None = None
    cpu: Finite | None = None
    memory_bytes: int | None = None
    loop_lag_s: Finite | None = None


class Process(Event, frozen=True, kw_only=True, tag="process"):
    """From the supervisor on `process/<name>/`, whenever something changes and once to each newcomer."""

    name: str
    state: ProcessState
    pid: int | None = None
    client_id: int | None = None
    restarts: int = 0
    uptime_s: Finite = 0.0
    reason: str | None = None
    snapshot: bool = False

    def later(self, seconds: float) -> Self:
        if self.pid is None:
            return self
        return msgspec.structs.replace(self, uptime_s=round(self.uptime_s + seconds, 3))


class Gateway(Event, frozen=True, kw_only=True, tag="gateway"):
    """The link to the gateway as the connection node sees it, on `gateway/`.

    `upstream`: whether the gateway itself reaches the broker (1100/1101/1102/2110); `farms` maps each
    data farm to ok, broken, inactive or connecting. `maintenance`: twsmq is about to restart or reconnect the
    gateway, why; new orders are refused meanwhile. `alarm`: what only a person can do.
    """

    state: LinkState
    host: str
    port: int
    server_version: int | None = None
    accounts: tuple[str, ...] = ()
    upstream: Literal["unknown", "connected", "lost"] = "unknown"
    farms: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    reason: str | None = None
    snapshot: bool = False
    maintenance: str | None = None
    alarm: str | None = None


class BudgetRound(Event, frozen=True, kw_only=True, tag="budget_round"):
    """On `budget/`, from connection to the other processes: who leaves what of the message budget unused
    until `until` (nanoseconds of the machine's monotonic clock)? Each answers by the op `yield_budget`.
    `slow_to`: the gateway complains about one of them, so nobody may use more than this part of its share.
    """

    round: int
    until: int
    slow_to: Finite | None = None
    breaches: int = 0


class Denied(Event, frozen=True, kw_only=True, tag="denied"):
    """A subscription was narrowed to what the subscriber's key opens, on `denied/<key>/` where only that key
    listens. `wish` is what was subscribed to, `granted` what came of it, maybe nothing.
    """

    wish: str
    granted: tuple[str, ...] = ()


class Position(Event, frozen=True, kw_only=True, tag="position"):
    """A position, keyed by conId: the gateway's row may name another exchange than the order did."""

    account: str
    instrument: str
    con_id: int
    quantity: Finite
    avg_cost: Finite | None = None
    snapshot: bool = False


class AccountValue(Event, frozen=True, kw_only=True, tag="account_value"):
    """One row of the account summary: `value` is the gateway's text, empty where it
    has no value any more, `currency` nil where it has none."""

    account: str
    tag: str
    value: str
    currency: str | None = None
    snapshot: bool = False


class ProfitAndLoss(Event, frozen=True, kw_only=True, tag="profit_and_loss"):
    """Profit and loss of an account, in its own currency, or of one position of it (`instrument`, `con_id`),
    in that or in the contract's, which the gateway does not say: of the day, of what is held, of what was
    closed today. `value`: the position's market value.
    """

    account: str
    instrument: str | None = None
    con_id: int | None = None
    daily: Finite | None = None
    unrealized: Finite | None = None
    realized: Finite | None = None
    value: Finite | None = None
    snapshot: bool = False
