"""What `life` is shown, what it decides, and what another run of it must know."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct
from twsmq_protocol.envelope import Nanoseconds, Natural


class Trouble(Enum):
    STALLED = "the gateway's port is open but nobody answers"
    ABSENT = "no gateway listens"
    UNUSABLE = "what listens on the gateway's port is no gateway that can be spoken to (`twsmq doctor`)"
    OURS = "the system lets twsmq open no connection, whether or not the gateway is well"
    UPSTREAM = "the gateway has lost its connection to IBKR"
    FARM = "a data farm of the gateway stays broken"
    COMPETING = "another session of this user has taken over"


class Rung(Enum):
    RECONNECTDATA = "RECONNECTDATA"
    RECONNECTACCOUNT = "RECONNECTACCOUNT"
    RESTART = "RESTART"
    START = "start"


class Observed(Struct, frozen=True):
    """How the link stands by now; None: the gateway needs nothing. If `session_up` too, it reaches IBKR;
    otherwise it only waits for our client ID to become free (326)."""

    trouble: Trouble | None
    session_up: bool
    """Orders may be under way."""


class Answered(Struct, frozen=True):
    """What became of a command: IBC's answer, or that there was none (`ok` None). `given`: it may have got
    there all the same; False: nothing at all was done."""

    rung: Rung
    ok: bool | None
    text: str
    given: bool = True


class Announce(Struct, frozen=True):
    """Tell everybody what is about to be done; new orders are refused while it is there. None: it is over."""

    text: str | None


class Command(Struct, frozen=True):
    """Send it to IBC, or run the configured program (`START`)."""

    rung: Rung


class Alarm(Struct, frozen=True):
    """Call a person, once an outage; None: nobody is needed any more."""

    text: str | None


class Note(Struct, frozen=True):
    """For the log."""

    text: str


class Memory(Struct, frozen=True):
    """`login_at`: when the last login proved itself by a session, ns. `asked_in`: the window in which this
    machine last asked for one; `unproved`: how many of them since have led to nothing. `acted`: the restarts
    of the last hour, ns."""

    login_at: Nanoseconds | None = None
    asked_in: str = ""
    unproved: Natural = 0
    acted: tuple[Nanoseconds, ...] = ()


class Keep(Struct, frozen=True):
    """Write down what another run of this process must know."""

    memory: Memory
