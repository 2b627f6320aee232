"""The shape of `twsmq.toml`. Every key is optional; an unknown key or a wrong type is refused, never ignored.

This module turns text into a checked `Config`; reading the file is its caller's business.
"""

from __future__ import annotations

import re
import tomllib
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from .alerts import ALERTS, Severity
from .errors import ConfigError, FieldError
from .explain import ENTRY, explain
from .gateway_life import Command, GatewayLife, PlannedRestarts
from .hosts import LOOPBACK, check_host, is_ipv4, is_loopback
from .risk_limits import Risk
from .scanner_requests import Scan
from .streams import DataKind
from .time_zones import check_time_zone

_DEEP = re.compile(r"(?<![\w\"'.-])(?:[\w\"'-]+[ \t]*\.[ \t]*){100}")


MOST_SCANS = 9
"""That stand: a gateway keeps ten open, and the op `scanner` needs one."""


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every table of the file."""


class Cluster(Table, frozen=True):
    """The processes together: where they listen, what they keep, who may connect."""

    data_dir: str = "var"
    """Journals, logs, keys, captures; below the file's own folder unless absolute."""
    port_base: Annotated[int, Meta(ge=1024, le=65535 - 100)] = 5500
    """The first of some ninety ports: every endpoint follows from it, not the gateway's own port."""
    bind: str = "127.0.0.1"
    """The address to listen on; any other than loopback needs `keys`. Every interface is 0.0.0.0."""
    logs_mb: Annotated[int, Meta(ge=10, le=1_000_000)] = 200
    """Megabytes of all logs together; the oldest lines go first."""
    memory_mb: Annotated[int, Meta(ge=0, le=10_000_000)] = 4096
    """Megabytes a process may hold: one with more is restarted before the machine swaps, at most once in ten
    minutes. 0: no bound."""
    send_queue: Annotated[int, Meta(ge=1)] = 100_000
    """Messages that may wait for one slow subscriber before it loses some."""
    keys: Literal["off", "on"] = "off"
    """on: nobody gets in without a key (`twsmq keys init` makes them)."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9.-]{1,255}", self.bind):
            raise FieldError(
                "bind",
                f"bind = {self.bind!r} is no IPv4 address and no host name; every interface is 0.0.0.0",
            )
        if re.fullmatch(r"[0-9.]+", self.bind) and not is_ipv4(self.bind):
            raise FieldError("bind", f"bind = {self.bind!r} is no IPv4 address: four numbers, as in 10.0.0.7")
        if self.bind not in LOOPBACK and self.keys != "on":
            raise FieldError(
                "bind",
                f"bind = {self.bind!r} would let the network in without keys; use 127.0.0.1, or make keys "
                "with 'twsmq keys init' and set keys = \"on\"",
            )


class GatewayTable(Table, frozen=True):
    """The TWS or IB Gateway, or the simulated one."""

    mode: Literal["simulated", "external"] = "simulated"
    """simulated: one is part of the cluster, no account is needed. external: yours, at `host` and `port`."""
    host: Annotated[str, Meta(min_length=1)] = "127.0.0.1"
    """Where it is."""
    port: Annotated[int, Meta(ge=1, le=65535)] = 4002
    """Its own; the simulated one listens here too. IBKR's: Gateway 4001 live, 4002 paper, TWS 7496, 7497."""
    client_id_base: Annotated[int, Meta(ge=1, le=2**31 - 100)] = 100
    """The twenty client IDs from here on are ours."""
    messages_per_second: Annotated[float, Meta(ge=0, le=1000)] = 45.0
    """Of all client IDs together; no second sees more than a ninth above it. 0: no limit, for the simulated
    one only."""
    max_server_version: Annotated[int, Meta(ge=157, le=999)] = 200
    """The newest version of the gateway's protocol to speak. 200: the last that is all text, and fast; above
    it messages are protobuf, for the day a gateway refuses text."""
    life: GatewayLife = GatewayLife()

    def __post_init__(self) -> None:
        check_host(self.host)
        if self.mode == "simulated" and not is_loopback(self.host):
            raise FieldError(
                "host",
                f"host = {self.host!r} would let others at the simulated gateway, which has no keys; use "
                '127.0.0.1, or mode = "external" for a gateway elsewhere',
            )


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
    regulatory_snapshots: bool = True
    """Whether regulatory snapshots, each at a fee, may be asked for. true: by who may trade; false: never."""

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


class Reference(Table, frozen=True):
    """Look-ups. The scans of `[reference.scans.NAME]` are kept open at the gateway, nine at most; each
    ranking is published on `scanner/NAME/`."""

    scans: dict[str, Scan] = {}
    """Kept open at the gateway by name; their rankings are published on `scanner/<name>/`."""

    def __post_init__(self) -> None:
        if len(self.scans) > MOST_SCANS:
            text = f"{len(self.scans)} scans; at most {MOST_SCANS}: a gateway keeps ten open, one is the op's"
            raise FieldError("scans", text)
        wrong = next((name for name in self.scans if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", name)), None)
        if wrong is not None:
            raise FieldError("scans", f"{wrong[:80]!r}: a scan's name is of letters, digits, . _ -")


class Orders(Table, frozen=True):
    """Only paper accounts (DU…, DF…) may trade unless `allow_live`."""

    allow_live: bool = False
    """true: accounts with real money may trade too."""
    durability: Literal["disk", "process"] = "disk"
    """disk: an order is sent once its intent is on the disk. process: once the system has it, which outlives
    the end of any process but not a power loss; after one, what the gateway has under our references is taken
    over before new orders are taken, and the events that were lost leave a gap in the numbers."""
    risk: Risk = Risk()


class Simulator(Table, frozen=True):
    """The embedded gateway. Same seed and same requests, same prices."""

    seed: int = 7
    """Of its prices."""
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

    def __post_init__(self) -> None:
        wrong = next((host for host in self.hosts if re.search(r"[/\s]", host) or not host), None)
        if wrong is not None:
            raise FieldError("hosts", f"{wrong[:80]!r} is no NAME and no NAME:PORT, as in desk.example:5580")


class AlertSetting(Table, frozen=True):
    """What this desk wants otherwise than the table of alerts (`alerts.ALERTS`)."""

    on: bool = True
    """false: it never fires."""
    severity: Severity | None = None
    """page or warn, otherwise than the table of alerts has it."""
    for_s: Annotated[float, Meta(ge=0, le=86400)] | None = None
    """How long it must hold before it fires."""
    limit: Annotated[float, Meta(ge=0, le=1e15)] | None = None
    """Of those that have one: how much of it is too much, or too little."""


class Alerts(Table, frozen=True):
    """Where alerts go, besides the topic `alert/<name>/` and the page. Addresses may hold secrets: they are
    never logged."""

    webhook: str = ""
    """A URL that gets each alert as JSON by POST. Empty: none."""
    command: Command = []
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
    """Seconds between two."""
    restart_at: Annotated[str, Meta(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9])?\Z", examples=["23:45"])] = ""
    """Older form of `[gateway.life] restart_at`, which holds where this is empty: HH:MM."""
    restart_time_zone: str = "America/New_York"
    """Of that time."""
    restart_minutes: Annotated[float, Meta(gt=0, le=120)] | None = None
    """How long a planned restart may take before anybody is called; not given: `[gateway.life]
    restart_minutes`."""
    rules: dict[str, AlertSetting] = {}

    def restarts(self, life: GatewayLife) -> PlannedRestarts:
        """Those for which nobody is called."""
        planned = PlannedRestarts((self.restart_at,), self.restart_time_zone, life.restart_minutes)
        planned = planned if self.restart_at else life.restarts
        return planned if self.restart_minutes is None else replace(planned, minutes=self.restart_minutes)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Which of the settings that may hold a secret are set."""
        may = ("webhook", "command", "apprise", "deadman_url")
        return tuple(name for name in may if getattr(self, name))

    def __post_init__(self) -> None:
        check_time_zone(self.restart_time_zone, "restart_time_zone")
        for field, url in (("webhook", self.webhook), ("deadman_url", self.deadman_url)):
            if url and not re.match(r"https?://[^/\s]", url):  # which may hold a secret: not shown
                raise FieldError(field, f"{field} must begin with https:// or http:// and name a host")
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
    reference: Reference = Reference()
    orders: Orders = Orders()
    simulator: Simulator = Simulator()
    web: Web = Web()
    alerts: Alerts = Alerts()


def parse_config(text: str, file: str = "twsmq.toml") -> Config:
    """Raises `ConfigError` naming the line, the key and the cure."""
    deep = _DEEP.search(text)
    if deep is not None:  # tomllib takes a time that grows with their square
        line = text.count("\n", 0, deep.start()) + 1
        raise ConfigError("not valid TOML here: a key of a hundred parts", file=file, line=line)
    text = text.removeprefix("\ufeff")  # as editors on Windows begin a file
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also a number of 5,000 digits, brackets 5,000 deep
        found = re.search(r"at line (\d+)", str(error))
        at_end = len(text.splitlines()) if "at end of document" in str(error) else None
        line = int(found[1]) if found else at_end
        raise ConfigError(f"not valid TOML: {error}", file=file, line=line) from error
    try:
        return msgspec.convert(tables, Config)
    except msgspec.ValidationError as error:
        raise _explained(error, tables, text, file) from error


def _explained(error: msgspec.ValidationError, tables: dict[str, Any], text: str, file: str) -> ConfigError:
    key, sentence = explain(error, Config)
    if ENTRY in key:
        entry = "." + _entry_at_fault(str(error), tables, key.partition(ENTRY)[0].split("."))
        key, sentence = key.replace(ENTRY, entry), sentence.replace(ENTRY, entry)
    if sentence.endswith("must be a list, not a string"):
        sentence += ': put it in brackets, ["…"]'
    if key not in sentence:
        sentence = f"{key}: {sentence}"
    return ConfigError(sentence, file=file, line=_line_of(text, re.sub(r"\[\d+\]", "", key)))


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


def _written(line: str) -> tuple[str, bool]:
    """The table that a line begins, or the key that it sets, and which of the two; empty for neither. However
    long the line is, it is looked through once."""
    line = line.lstrip()
    if line.startswith("["):
        name, end, _ = line[1:].removeprefix("[").partition("]")
        return (name if end and "[" not in name else ""), True
    name, equals, _ = line.partition("=")
    return (name if equals and "#" not in name else ""), False


def _line_of(text: str, wanted: str) -> int | None:
    """The line that sets the dotted key `wanted`, else the nearest. Best effort: reads lines, not TOML."""
    table, nearest = "", None
    for number, line in enumerate(text.splitlines(), 1):
        text_of, is_table = _written(line)
        if not text_of:
            continue
        name = re.sub(r"[\s\"']", "", text_of)
        if is_table:
            table = name
        elif table:
            name = f"{table}.{name}"
        if name == wanted:
            return number
        inside = not is_table and wanted.startswith(f"{name}.")  # an inline table
        if nearest is None and (inside or name.startswith(f"{wanted}.")):
            nearest = number
    return nearest
