"""What the core decides and the shell carries out, in the order given."""

from __future__ import annotations

from typing import Any, Protocol

from msgspec import Struct
from twsmq_protocol.envelope import Event
from twsmq_protocol.errors import RequestError
from twsmq_protocol.system_events import NodeState

from twsmq_nodes.tws.encoded import Encoded
from twsmq_nodes.tws.requests import Request

from .entries import Entry, JournalEvent
from .ids import Key


class Now(Struct, frozen=True):
    """`mono`: monotonic seconds, for waiting. `ns`: since the epoch, for the record."""

    mono: float
    ns: int


class Caller(Protocol):
    """Whoever waits for a reply. `valid_until`: ns, past it the request must have no effect. `who`: the name
    of the key it came under, empty without keys."""

    valid_until: int | None
    who: str


class Publish(Struct, frozen=True):
    """`retain`: greet newcomers with it; otherwise an order's last word ends that."""

    event: JournalEvent
    retain: bool


class Write(Struct, frozen=True):
    """Order bytes whose turn has come and whose intent is durable; then call `written` or `not_written`.
    `number`: its own. `change_no`: of the modification it is, 0 for none. `withheld`: they must not be
    written any more."""

    key: Key
    request: Encoded
    session_no: int
    number: int = 0
    change_no: int = 0
    withheld: bool = False


class Withhold(Struct, frozen=True):
    """The journal's thread must not write these, by number, if it has not yet."""

    numbers: frozenset[int]


class Journal(Struct, frozen=True):
    """Commit these together; then report `durable` with the last one's number. `writes`: what to write
    once they are durable, and, if `direct`, may be written before that is reported."""

    entries: tuple[Entry, ...]
    writes: tuple[Write, ...] = ()
    direct: bool = False


class Send(Struct, frozen=True):
    """A request that no journal entry stands for: a question, a what-if. `paid`: its message of the budget
    was taken at the gate."""

    request: Request | Encoded
    paid: bool = False


class Reply(Struct, frozen=True):
    """`outcome`: a result, or the error."""

    caller: Caller
    outcome: Any | RequestError


class SaveSetting(Struct, frozen=True):
    """Have the journal keep `value` under `name` (None: forget it); then report `setting_saved`. `who`: asked
    for it."""

    name: str
    value: str | None
    who: str = ""


class Enter(Struct, frozen=True):
    state: NodeState
    detail: str | None = None


class Announce(Struct, frozen=True):
    """What is about no order of ours, published as it comes. `retain`: greet newcomers with it."""

    topic: str
    event: Event
    retain: bool = False


class Warn(Struct, frozen=True):
    """For the log: something a person should know."""

    text: str
    key: Key | None = None


Action = Journal | Publish | Announce | Write | Withhold | Send | Reply | SaveSetting | Enter | Warn
