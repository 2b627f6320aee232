"""The shape of `twsmq.toml`. Every key is optional; an unknown key or a wrong type is refused, never ignored.

This module turns text into a checked `Config`; reading the file is its caller's business.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from .alerts import ALERTS, Severity
from .errors import ConfigError, FieldError
from .explain import ENTRY, explain
from .risk_limits import Risk
from .streams import DataKind

_WRITTEN = re.compile(r"\s*(?:\[(?P<table>[^\[\]]+)\]|(?P<key>[^\[=#][^=#]*?)\s*=)")
LOOPBACK = frozenset(("127.0.0.1", "localhost"))


def address(host: str, port: int | str) -> str:
    """`host:port` as people and ZeroMQ write it: an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def check_host(host: str, *, ipv6: bool = False) -> None:
    """Raises FieldError unless it is a name or an address, without brackets; `ipv6`: an IPv6 address."""
    if host.startswith("[") or host.endswith("]"):
        raise FieldError(
            "host", f"host {host!r} is in brackets, which belong to HOST:PORT only: leave them out"
        )
    if ":" in host or ipv6:
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            raise FieldError(
                "host", f"host {host!r} is no IPv6 address; a port is a key of its own"
            ) from None
    elif not host.isprintable() or " " in host or "/" in host:
        raise FieldError("host", f"host {host!r} is no name and no address")


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every table of the file."""


class Cluster(Table, frozen=True):
    """`data_dir` (journals, logs, keys, captures) is taken from the file's own folder unless absolute.

    `send_queue` is how many messages may wait for one slow subscriber before it loses some. `logs_mb` bounds
    the sum of all logs; the oldest lines go first. `memory_mb` bounds each process: one that holds more is
    restarted before the machine swaps, at most once in ten minutes; 0: no bound. `keys`: `on` lets in only
    who has a key (`twsmq keys init`), and is what any other `bind` than loopback needs.
    """

    data_dir: str = "var"
    port_base: Annotated[int, Meta(ge=1024, le=65535 - 100)] = 5500
    bind: str = "127.0.0.1"
    logs_mb: Annotated[int, Meta(ge=10, le=1_000_000)] = 200
    memory_mb: Annotated[int, Meta(ge=0, le=10_000_000)] = 4096
    send_queue: Annotated[int, Meta(ge=1)] = 100_000
    keys: Literal["off", "on"] = "off"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9.-]{1,255}", self.bind):
            raise FieldError(
                "bind",
                f"bind = {self.bind!r} is no IPv4 address and no host name; every interface is 0.0.0.0",
            )
        if self.bind not in LOOPBACK and self.keys != "on":
            raise FieldError(
                "bind",
                f"bind = {self.bind!r} would let the network in without keys; use 127.0.0.1, or make keys "
                "with 'twsmq keys init' and set keys = \"on\"",
            )


_HOURS = r"^(([01][0-9]|2[0-3]):[0-5][0-9])$"
_SPAN = (
    r"^((Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?([01][0-9]|2[0-3]):[0-5][0-9]-"
    r"((Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?([01][0-9]|2[0-3]):[0-5][0-9]$"
)
WeeklyMoment = Annotated[str, Meta(pattern=r"^(Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([01][0-9]|2[0-3]):[0-5][0-9]$")]
Hours = Annotated[str, Meta(pattern=_HOURS)]
Span = Annotated[str, Meta(pattern=_SPAN)]
"""`23:45-00:20` of every day, or `Fri 23:00-Sat 03:00` of every week."""


class GatewayLife(Table, frozen=True):
    """What twsmq does for a gateway that does not come back by itself, over IBC's command server or `start`.

    Neither given: nothing but saying what is wrong. Times are of `time_zone`, the gateway's own. Durations in
    seconds are how long a trouble may last before anything is done about it.
    """

    ibc_host: Annotated[str, Meta(min_length=1)] = "127.0.0.1"
    ibc_port: Annotated[int, Meta(ge=0, le=65535)] = 0
    """IBC's `CommandServerPort` (usually 7462). 0: none."""
    start: list[str] = []
    """A program and its arguments that kill and start the gateway, for when IBC does not answer. A full login
    follows. Empty: none."""
    time_zone: str = "America/New_York"
    restart_at: tuple[Hours, ...] = ()
    """When the gateway restarts by itself every day (its auto restart, IBC's `AutoRestartTime`)."""
    restart_minutes: Annotated[float, Meta(gt=0, le=120)] = 5.0
    reset: tuple[Span, ...] = ("00:15-01:45", "Fri 23:00-Sat 03:00")
    """When IBKR resets its servers (America's as of 2026; other regions and years differ): what is lost then
    comes back by itself."""
    login_hours: Span = "07:00-22:00"
    """When a person answers a second factor. A login that needs one is begun once in such a window."""
    week_ends: WeeklyMoment = "Sun 01:00"
    """When IBKR's login of the week ends: from then on a restart is a full login."""
    most_per_hour: Annotated[int, Meta(ge=1, le=20)] = 3
    """Restarts in any hour."""
    drain_s: Annotated[float, Meta(ge=0, le=60)] = 3.0
    """Before a session that is up is ended, new orders are refused for so long, which is announced."""
    stalled_s: Annotated[float, Meta(gt=0, le=86400)] = 30.0
    """The port is open and nobody answers. 30: two attempts of each session."""
    absent_s: Annotated[float, Meta(gt=0, le=86400)] = 120.0
    """Nothing listens. 120: a restart takes 35 to 90."""
    upstream_s: Annotated[float, Meta(gt=0, le=86400)] = 120.0
    """The gateway has lost IBKR (1100)."""
    farm_s: Annotated[float, Meta(gt=0, le=86400)] = 300.0
    """A data farm is broken (2103, 2105)."""

    def __post_init__(self) -> None:
        check_host(self.ibc_host)


class GatewayTable(Table, frozen=True):
    """`messages_per_second` is for all client IDs together; 0 = no limit, for the simulator only."""

    mode: Literal["simulated", "external"] = "simulated"
    host: Annotated[str, Meta(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535)] = 4002
    client_id_base: Annotated[int, Meta(ge=1, le=2**31 - 100)] = 100
    messages_per_second: Annotated[float, Meta(ge=0, le=1000)] = 45.0
    max_server_version: Annotated[int, Meta(ge=157, le=999)] = 200
    """The newest version of the gateway's protocol to speak. 200: the last that is all text, and fast; above
    it messages are protobuf, for the day a gateway refuses text."""
    life: GatewayLife = GatewayLife()

    def __post_init__(self) -> None:
        check_host(self.host)


class Marketdata(Table, frozen=True):
    """Live streams. Every key says its unit and what its default means; limits are of the whole account."""

    instances: Annotated[int, Meta(ge=1, le=5)] = 1
    """Processes that share the streams. 1: no sharding."""
    grace_s: Annotated[float, Meta(ge=0, le=3600)] = 5.0
    """Seconds a line outlives its last subscriber. 5: whoever only reconnects finds it running; 0: none."""
    quiet_repeat_s: Annotated[float, Meta(gt=0, le=3600)] = 5.0
    """Seconds of quiet after which a topic repeats its state. 5: a lost last message shows within 5 s."""
    quote_interval_s: Annotated[float, Meta(ge=0, le=60)] = 0.0
    """Seconds in which at most one `quote` of an instrument goes out. 0: one after every burst."""
    batch_interval_s: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """Seconds in which what comes goes out in one message per topic, nothing left out. 0: after every read of
    the gateway's socket, with the least delay; 0.1: dozens of subscribers keep up on two cores."""
    delayed: Literal["refuse", "fallback"] = "refuse"
    """Older form of `data`: fallback means delayed."""
    data: DataKind | None = None
    """Which data quotes may be made of unless their topic says so (`;data=`). live: a stream `error` without
    a live subscription; delayed: delayed data stand in for it; frozen: a closed market's last; any: all
    these.
    """
    silent_s: Annotated[float, Meta(ge=0, le=86400)] = 60.0
    """Seconds a line may say nothing while others tick. 60: asked for again after a minute; 0: never."""
    lines: Annotated[int, Meta(ge=1, le=100_000)] = 100
    """Lines of quotes at once, and as many of 5-second bars. 100: what IBKR gives without extra fees."""
    depth_lines: Annotated[int, Meta(ge=1, le=1000)] = 3
    """Order books at once. 3: what IBKR gives to begin with."""
    tick_by_tick_lines: Annotated[int, Meta(ge=1, le=1000)] = 5
    """Tick-by-tick lines at once. 5: what IBKR gives with 100 lines of quotes, 5 % of them."""

    @property
    def accepts(self) -> DataKind:
        """What quotes may be made of."""
        return self.data or ("delayed" if self.delayed == "fallback" else "live")


class History(Table, frozen=True):
    """Bars and ticks of the past."""

    store_mb: Annotated[int, Meta(ge=0, le=1_000_000)] = 1_000
    """Megabytes of what the gateway gave before, kept to answer the next who asks. 0: nothing is kept."""
    store_days: Annotated[float, Meta(gt=0, le=36_500)] = 30.0
    """How old that may be. 30: after a month it is asked for again, corrected bars and all; a request's
    `max_age` says otherwise."""


class Orders(Table, frozen=True):
    """Only paper accounts (DU…, DF…) may trade unless `allow_live`. `risk`: see `risk_limits`."""

    allow_live: bool = False
    durability: Literal["disk", "process"] = "disk"
    """disk: an order is sent once its intent is on the disk. process: once the system has it, which outlives
    the end of any process but not a power loss; after one, what the gateway has under our references is taken
    over before new orders are taken, and the events that were lost leave a gap in the numbers."""
    risk: Risk = Risk()


class Simulator(Table, frozen=True):
    """The embedded gateway. Same seed and same requests, same prices."""

    seed: int = 7
    tick_rate: Annotated[float, Meta(gt=0, le=1e6)] = 20.0
    """Ticks a second of each subscribed instrument."""


class Web(Table, frozen=True):
    """The page, `/metrics` and `/api/board`. It listens where the cluster does, on `port_base` + 80."""

    enabled: bool | None = None
    """Whether the page is served. Left out: where the extra `web` is installed; false: never."""
    hosts: list[str] = []
    """Other names under which a browser may reach it, as in `desk.example:5580`; the cluster's own address
    and localhost always count. Whatever else a browser asks for is refused (DNS rebinding)."""
    session_hours: Annotated[float, Meta(gt=0, le=24 * 365)] = 24.0
    """How long a browser stays logged in without being used."""


class AlertSetting(Table, frozen=True):
    """`[alerts.rules.NAME]`: what this desk wants otherwise than the table of alerts (`alerts.ALERTS`)."""

    on: bool = True
    severity: Severity | None = None
    for_s: Annotated[float, Meta(ge=0, le=86400)] | None = None
    """How long it must hold before it fires."""
    limit: Annotated[float, Meta(ge=0, le=1e15)] | None = None


class Alerts(Table, frozen=True):
    """Where alerts go, besides the topic `alert/<name>/` and the page. Addresses may hold secrets: they are
    never logged."""

    webhook: str = ""
    """A URL that gets each alert as JSON by POST. Empty: none."""
    command: list[str] = []
    """A program and its arguments; it gets each alert as JSON on its standard input. Empty: none."""
    apprise: list[str] = []
    """Addresses for apprise (mail, Slack, Pushover and a hundred others; extra `alerts`). Empty: none."""
    log: bool = True
    """Write each alert to the status node's log."""
    minimum: Literal["warn", "page"] = "warn"
    """The least severity that reaches webhook, command and apprise."""
    deadman_url: str = ""
    """A URL that is fetched every `deadman_s` seconds while status is alive and gets others' heartbeats: a
    service beyond this machine notices when that ends. Empty: none."""
    deadman_s: Annotated[float, Meta(ge=1, le=86400)] = 60.0
    restart_at: Annotated[str, Meta(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9])?$")] = ""
    """HH:MM at which the gateway restarts every day, as set there. Empty: no restart is expected."""
    restart_time_zone: str = "America/New_York"
    restart_minutes: Annotated[float, Meta(gt=0, le=120)] = 5.0
    """How long after `restart_at` the link may be down before anybody is called."""
    rules: dict[str, AlertSetting] = {}

    def __post_init__(self) -> None:
        for name, setting in self.rules.items():
            rule = ALERTS.get(name)
            if rule is None:
                raise FieldError("rules", f"no alert is called {name[:40]!r}; there are {', '.join(ALERTS)}")
            if setting.limit is not None and rule.limit is None:
                raise FieldError("rules", f"{name} has no limit: set for_s, severity or on")


class Config(Table, frozen=True):
    cluster: Cluster = Cluster()
    gateway: GatewayTable = GatewayTable()
    marketdata: Marketdata = Marketdata()
    history: History = History()
    orders: Orders = Orders()
    simulator: Simulator = Simulator()
    web: Web = Web()
    alerts: Alerts = Alerts()


def parse_config(text: str, file: str = "twsmq.toml") -> Config:
    """Raises `ConfigError` naming the line, the key and the cure."""
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also a number of 5,000 digits, brackets 5,000 deep
        line = re.search(r"at line (\d+)", str(error))
        raise ConfigError(
            f"not valid TOML: {error}", file=file, line=int(line[1]) if line else None
        ) from error
    try:
        return msgspec.convert(tables, Config)
    except msgspec.ValidationError as error:
        raise _explained(error, tables, text, file) from error


def _explained(error: msgspec.ValidationError, tables: dict[str, Any], text: str, file: str) -> ConfigError:
    key, sentence = explain(error, Config)
    if ENTRY in key:
        entry = "." + _entry_at_fault(str(error), tables, key.partition(ENTRY)[0].split("."))
        key, sentence = key.replace(ENTRY, entry), sentence.replace(ENTRY, entry)
    return ConfigError(sentence, file=file, line=_line_of(text, key))


def _entry_at_fault(fault: str, tables: dict[str, Any], path: list[str]) -> str:
    """Which entry of the map at `path` it is: the first that is refused like this on its own."""
    *above, name = path
    table = tables
    for each in above:
        table = table[each]
    entries: dict[str, Any] = table[name]
    for entry in entries:
        table[name] = {entry: entries[entry]}
        try:
            msgspec.convert(tables, Config)
        except msgspec.ValidationError as error:
            if str(error) == fault:
                return entry
    raise AssertionError(f"{fault}, but no entry of {'.'.join(path)} is at fault")


def _line_of(text: str, wanted: str) -> int | None:
    """The line that sets the dotted key `wanted`, else the nearest. Best effort: reads lines, not TOML."""
    table, nearest = "", None
    for number, line in enumerate(text.splitlines(), 1):
        written = _WRITTEN.match(line)
        if written is None:
            continue
        name = re.sub(r"[\s\"']", "", written["table"] or written["key"])
        if written["table"]:
            table = name
        elif table:
            name = f"{table}.{name}"
        if name == wanted:
            return number
        inside = not written["table"] and wanted.startswith(f"{name}.")  # an inline table
        if nearest is None and (inside or name.startswith(f"{wanted}.")):
            nearest = number
    return nearest
