"""What the doctor saw: facts, no judgement. What was not looked at is None or empty."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from twsmq_nodes.tws.gateway_settings import GatewaySettings

USUAL_PORTS = {4001: "IB Gateway live", 4002: "IB Gateway paper", 7496: "TWS live", 7497: "TWS paper"}
"""Where each listens unless it is set otherwise (IBKR's documentation)."""


class Port(Enum):
    OPEN = "open"
    REFUSED = "refused"
    TIMED_OUT = "timed out"
    UNREACHABLE = "unreachable"
    NOT_TRIED = "not tried"


class Hello(Enum):
    """How the other side took the first bytes of the API's handshake."""

    VERSION = "a version"
    SILENT = "nothing"
    CLOSED = "closed"
    HTTP = "HTTP"
    OTHER = "something else"


class Notice(Struct, frozen=True):
    code: int
    text: str


class Listener(Struct, frozen=True):
    """A process of this machine. `gateway`: it may be TWS, IB Gateway or what brings their port here."""

    name: str
    pid: int
    gateway: bool = False
    simulator: bool = False


class Neighbour(Struct, frozen=True):
    """Another of the four usual ports on that host."""

    port: int
    hello: Hello
    accounts: tuple[str, ...] = ()


class Quote(Struct, frozen=True):
    """What came of asking for one quote: `live` None where no data came; `errors` what the gateway said."""

    instrument: str
    live: bool | None = None
    errors: tuple[Notice, ...] = ()


class Machine(Struct, frozen=True):
    """This machine, as far as it matters. `ibapis`: distribution and version of each that is installed."""

    wsl: bool = False
    """WSL2, whose 127.0.0.1 is not that of Windows."""
    wsl_mirrored: bool = False
    """WSL2 with mirrored networking, where it is."""
    container: bool = False
    mac: bool = False
    python: str = ""
    ibapis: tuple[tuple[str, str], ...] = ()
    ibapi_api: str | None = None
    """The newest server version that the installed ibapi speaks; None if it cannot be imported."""
    ibapi_problem: str = ""
    libzmq: tuple[int, int, int] = (0, 0, 0)
    open_files: int = 0
    virtual_env: bool = False
    other_env: str = ""
    """The virtual environment that is active in the shell, where it is not the one that twsmq runs in."""
    gateway_heap_mb: int | None = None
    """Of a gateway on this machine, as far as its command line shows."""


class Evidence(Struct, frozen=True, kw_only=True):
    host: str
    port: int
    client_id: int
    cluster_ids: tuple[int, ...] = ()
    allow_live: bool = False
    simulated: bool = False
    """The configuration means the simulated gateway, which the cluster itself starts."""
    machine: Machine = Machine()
    state: Port
    problem: str = ""
    """The system's word where the port is not open."""
    neighbours: tuple[Neighbour, ...] = ()
    listener: Listener | None = None
    """Who listens there, where that is this machine and the system says so."""
    hello: Hello | None = None
    waited_s: float = 0.0
    server_version: int | None = None
    connection_time: str = ""
    closed_after_start: bool = False
    next_valid_id: int | None = None
    accounts: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()
    """Everything the gateway said with an id of -1."""
    skew_s: float | None = None
    answered_time: bool = False
    quote: Quote | None = None
    history_answered: bool = False
    history_errors: tuple[Notice, ...] = ()
    """What the gateway said to a request for one daily bar."""
    open_orders_answered: bool = False
    open_orders_error: Notice | None = None
    settings: GatewaySettings | None = None
    settings_problem: str = ""
