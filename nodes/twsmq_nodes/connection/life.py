"""What is done for a gateway that does not come back by itself: a ladder for each kind of trouble.

    trouble      meaning                                   patience     rungs, a pause between them STALLED
    the port is open, nobody answers          stalled_s    RESTART, then `start` ABSENT       nothing listens
    absent_s     `start`; with IBC answering: it waits for a login UPSTREAM     the gateway has lost IBKR
    upstream_s   RECONNECTACCOUNT, RESTART, then `start` FARM         a data farm is broken
    farm_s       RECONNECTDATA, RESTART COMPETING    another session has taken over            -
    none: never fight

    (calm) ─ trouble ─→ (patient) ─ patience is over ─→ announce, drain ─→ act ─→ (pause) ─→ next rung …
       ↑                                                                              │
       └──────────────────────── all is well ─────────────────────────────────────────┘

Theory (gateways of others, by their issue lists): whoever watches must be awake above all while nothing is
connected; "OK" of a command and the end of a process prove nothing, only a session that reaches IBKR does;
what is planned (nightly restart, IBKR's resets) comes back by itself; a restart that did not help is not
repeated for ever but with growing pauses, at most so many an hour; a second factor is asked for once, when
somebody is awake, and a login that was refused is never tried again by a machine.

Invariants: in any hour at most `most_per_hour` restarts; in one window of `login_hours` at most one login
that needs a person, none outside of it; an outage raises one alarm; nothing that ends a session is done
before it was announced and `drain_s` have passed. Pure: `now` seconds, monotonic; `ns` since the epoch.
"""

from __future__ import annotations

import math
from collections import deque
from enum import Enum

from msgspec import Struct
from twsmq_protocol.config import GatewayLife

from twsmq_nodes.runtime.timer import TimerFired

from .life_clock import LifeClock

HOUR_S = 3600.0
PAUSE_S = 120.0
"""Between two rungs: a restart begins with the next full minute and takes 35 to 90 s."""
ACCOUNT_PAUSE_S, DATA_PAUSE_S = 30.0, 60.0
FIRST_APART_S, MOST_APART_S = 900.0, 4 * HOUR_S
"""From the top of a ladder to its next beginning, twice as long each time."""
REMIND_S = 6 * HOUR_S
MOST_UNPROVED = 2
"""Logins in a row that have led to no session. More may lock the user out: a wrong password looks like
this."""
BACK_S = 10.0
"""Well for so long before an outage counts as over."""


class Trouble(Enum):
    STALLED = "the gateway's port is open but nobody answers"
    ABSENT = "no gateway listens"
    UPSTREAM = "the gateway has lost its connection to IBKR"
    FARM = "a data farm of the gateway stays broken"
    COMPETING = "another session of this user has taken over"


class Rung(Enum):
    RECONNECTDATA = "RECONNECTDATA"
    RECONNECTACCOUNT = "RECONNECTACCOUNT"
    RESTART = "RESTART"
    START = "start"


LADDERS: dict[Trouble, tuple[Rung, ...]] = {
    Trouble.STALLED: (Rung.RESTART, Rung.START),
    Trouble.ABSENT: (Rung.START,),
    Trouble.UPSTREAM: (Rung.RECONNECTACCOUNT, Rung.RESTART, Rung.START),
    Trouble.FARM: (Rung.RECONNECTDATA, Rung.RESTART),
    Trouble.COMPETING: (),
}
_PAUSES = {Rung.RECONNECTACCOUNT: ACCOUNT_PAUSE_S, Rung.RECONNECTDATA: DATA_PAUSE_S}


class Observed(Struct, frozen=True):
    """How the link stands by now; None: a session is up and reaches IBKR."""

    trouble: Trouble | None
    session_up: bool
    """Orders may be under way."""


class Answered(Struct, frozen=True):
    """What became of a command: IBC's answer, or that it could not be reached (`ok` None)."""

    rung: Rung
    ok: bool | None
    text: str


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
    machine last asked for one; `unproved`: how many of them since have led to nothing."""

    login_at: int | None = None
    asked_in: str = ""
    unproved: int = 0


class Keep(Struct, frozen=True):
    """Write down what another run of this process must know."""

    memory: Memory


Input = Observed | Answered | TimerFired
Action = Announce | Command | Alarm | Note | Keep


class Life:
    """`can_command`: IBC's command server is configured."""

    def __init__(self, life: GatewayLife, memory: Memory | None = None) -> None:
        self._life = life
        self._clock = LifeClock(life)
        self._memory = memory or Memory()
        self._trouble: Trouble | None = None
        self._session_up = False
        self._since = 0.0  # of the trouble, without what was planned
        self._well_since: float | None = None
        self._rung = 0  # the next one
        self._not_before = 0.0
        self._apart = FIRST_APART_S
        self._draining: tuple[Rung, float] | None = None
        self._announced = False
        self._alarmed = False
        self._remind_at = math.inf
        self._acts: deque[float] = deque()
        self._wake_at: float | None = None

    @property
    def wake_at(self) -> float | None:
        return self._wake_at

    @property
    def enabled(self) -> bool:
        """Whether anything may be done at all."""
        return bool(self._life.ibc_port or self._life.start)

    def handle(self, happened: Input, now: float, ns: int) -> list[Action]:
        actions: list[Action] = []
        match happened:
            case Observed():
                actions += self._observed(happened, now, ns)
            case Answered():
                actions += self._answered(happened, now)
            case TimerFired():
                pass
        actions += self._step(now, ns)
        return actions

    # -- what is seen

    def _observed(self, seen: Observed, now: float, ns: int) -> list[Action]:
        self._session_up = seen.session_up
        if seen.trouble is self._trouble:
            return []
        if seen.trouble is None:
            self._trouble, self._well_since = None, now
            return self._proved(ns)
        actions: list[Action] = []
        relapsed = self._well_since is not None and now < self._well_since + BACK_S
        if self._trouble is None and not relapsed:
            self._rung, self._not_before, self._apart = 0, 0.0, FIRST_APART_S
            actions.append(Note(f"{seen.trouble.value}"))
        elif self._trouble is not None and self._draining is None and not self._pausing(now):
            self._rung = 0  # another trouble of the same outage has another ladder
        self._trouble, self._since, self._well_since = seen.trouble, now, None
        return actions

    def _proved(self, ns: int) -> list[Action]:
        """A session reaches IBKR: whatever login there was has worked."""
        memory = self._memory
        anew = memory.login_at is None or self._clock.token_ended(memory.login_at, ns) or memory.unproved > 0
        if not anew:
            return []
        self._memory = Memory(login_at=ns, asked_in=memory.asked_in)
        return [Keep(self._memory)]

    def _answered(self, answer: Answered, now: float) -> list[Action]:
        if answer.ok is None:
            if self._trouble is not None and answer.rung is not Rung.START:
                self._not_before = now  # nothing was done: the next rung at once
            return [Note(f"{answer.rung.value} could not be given: {answer.text}")]
        return [Note(f"{answer.rung.value}: {answer.text}")]

    # -- what is done

    def _step(self, now: float, ns: int) -> list[Action]:
        self._wake_at = None
        if self._trouble is None:
            return self._calm_down(now)
        if self._draining is not None:
            return self._drained(now, ns)
        actions: list[Action] = []
        if self._trouble is not Trouble.STALLED and self._clock.is_planned(ns):
            self._since = max(self._since, now)  # it counts from the end of what is planned
            self._wake(now + 60.0)
            return actions
        due = max(self._since + self._patience(), self._not_before)
        if now < due:
            self._wake(due)
            return actions
        if now >= self._remind_at:
            self._remind_at = now + REMIND_S
            actions.append(Note(f"still: {self._trouble.value}; a person is needed"))
        return actions + self._climb(now, ns)

    def _climb(self, now: float, ns: int) -> list[Action]:
        assert self._trouble is not None
        ladder = [rung for rung in LADDERS[self._trouble] if self._has(rung)]
        if self._rung >= len(ladder):
            return self._top(now, ns)
        rung = ladder[self._rung]
        held_back = self._held_back(rung, now, ns)
        if held_back is not None:
            until, text = held_back
            self._wake(until)
            return self._alarm(text, now)
        self._draining = rung, now + (self._life.drain_s if self._session_up else 0.0)
        self._announced = True
        word = "restarted" if rung in (Rung.RESTART, Rung.START) else f"asked to reconnect ({rung.value})"
        told: list[Action] = [Announce(f"the gateway is about to be {word}: {self._trouble.value}")]
        return told + self._drained(now, ns)

    def _drained(self, now: float, ns: int) -> list[Action]:
        assert self._draining is not None
        rung, until = self._draining
        if now < until:
            self._wake(until)
            return []
        self._draining = None
        self._rung += 1
        actions: list[Action] = []
        if rung in (Rung.RESTART, Rung.START):
            self._acts.append(now)
            if self._is_login(rung, ns):
                window = self._clock.login_window(ns)
                self._memory = Memory(self._memory.login_at, window, self._memory.unproved + 1)
                actions.append(Keep(self._memory))
        self._not_before = now + _PAUSES.get(rung, PAUSE_S)
        self._wake(self._not_before)
        return [*actions, Command(rung)]

    def _held_back(self, rung: Rung, now: float, ns: int) -> tuple[float, str] | None:
        """Until when a rung must not be climbed, and what a person should know."""
        assert self._trouble is not None
        if rung not in (Rung.RESTART, Rung.START):
            return None
        while self._acts and self._acts[0] <= now - HOUR_S:
            self._acts.popleft()
        if len(self._acts) >= self._life.most_per_hour:
            text = f"{self._trouble.value}, and {len(self._acts)} restarts within an hour have not helped"
            return self._acts[0] + HOUR_S, text
        if self._is_login(rung, ns):
            if self._memory.unproved >= MOST_UNPROVED:
                return now + HOUR_S, f"{self._trouble.value}: logins have not succeeded; log in yourself"
            if self._memory.asked_in == self._clock.login_window(ns):
                return now + 600.0, f"{self._trouble.value}: the login was asked for, it needs a person (2FA)"
            if not self._clock.may_ask(ns):
                hours = self._life.login_hours
                return now + 60.0, f"{self._trouble.value}: it needs a login (2FA), asked for in {hours}"
        return None

    def _top(self, now: float, ns: int) -> list[Action]:
        """All was tried: a person, and later once more."""
        assert self._trouble is not None
        self._rung = 0
        self._not_before = now + self._apart
        self._apart = min(2 * self._apart, MOST_APART_S)
        self._wake(min(self._not_before, self._remind_at))
        known = self._memory.login_at
        tried = (
            "all that could be done was tried" if LADDERS[self._trouble] else "it is left to you to decide"
        )
        if known is not None and self._clock.token_ended(known, ns):
            tried = "the week's login has ended, log in (2FA)"
        return self._alarm(f"{self._trouble.value}: {tried}", now)

    def _calm_down(self, now: float) -> list[Action]:
        if self._well_since is None:
            return []
        self._draining = None
        actions: list[Action] = []
        if self._announced:
            self._announced = False
            actions.append(Announce(None))
        if now < self._well_since + BACK_S:
            self._wake(self._well_since + BACK_S)
            return actions
        self._well_since = None
        if self._alarmed:
            self._alarmed, self._remind_at = False, math.inf
            actions.append(Alarm(None))
        return actions

    def _alarm(self, text: str, now: float) -> list[Action]:
        if self._alarmed:
            return []
        self._alarmed, self._remind_at = True, now + REMIND_S
        return [Alarm(text)]

    # -- small questions

    def _has(self, rung: Rung) -> bool:
        return bool(self._life.start) if rung is Rung.START else self._life.ibc_port > 0

    def _is_login(self, rung: Rung, ns: int) -> bool:
        """Whether a second factor will be asked for: only the gateway's own restart keeps the week's
        login."""
        if rung is Rung.START:
            return True
        known = self._memory.login_at
        return known is not None and self._clock.token_ended(known, ns)

    def _patience(self) -> float:
        life = self._life
        match self._trouble:
            case Trouble.STALLED:
                return life.stalled_s
            case Trouble.ABSENT:
                return life.absent_s
            case Trouble.UPSTREAM:
                return life.upstream_s
            case Trouble.FARM:
                return life.farm_s
            case _:
                return 0.0

    def _pausing(self, now: float) -> bool:
        return now < self._not_before

    def _wake(self, at: float) -> None:
        self._wake_at = at if self._wake_at is None else min(self._wake_at, at)
