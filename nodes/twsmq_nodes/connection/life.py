"""What is done for a gateway that does not come back by itself: a ladder for each kind of trouble.

    trouble     meaning                             patience     rungs, a pause between them
    STALLED     the port is open, nobody answers    stalled_s    RESTART, then `start`
    ABSENT      nothing listens                     absent_s     `start`
    UNUSABLE    another program, another version    stalled_s    none: a start would mend nothing
    OURS        no file descriptor is left to us    stalled_s    none: the gateway may be well
    UPSTREAM    the gateway has lost IBKR           upstream_s   RECONNECTACCOUNT, RESTART, then `start`
    FARM        a data farm is broken               farm_s       RECONNECTDATA, RESTART
    COMPETING   another session has taken over      -            none: never fight

    (calm) ─ trouble ─→ (patient) ─ patience is over ─→ announce, drain ─→ act ─→ (pause) ─→ next rung …
       ↑                                                                              │
       └──────────────────────── all is well ─────────────────────────────────────────┘

Theory (gateways of others, by their issue lists): whoever watches must be awake above all while nothing is
connected; "OK" of a command and the end of a process prove nothing, only a session that reaches IBKR does;
what is planned (nightly restart, IBKR's resets) comes back by itself; a restart that did not help is not
repeated for ever but with growing pauses, at most so many an hour; a second factor is asked for once, when
somebody is awake, and a login that was refused is never tried again by a machine; trouble that comes and goes
within an outage is as bad as what stays, so its times add up.

Invariants: in any hour at most `most_per_hour` restarts; in one window of `login_hours` at most one login
that needs a person, none outside of it; an outage raises one alarm; nothing that ends a session is done
before it was announced and `drain_s` have passed. Pure: `now` seconds, monotonic; `ns` since the epoch.
"""

from __future__ import annotations

import math

from msgspec.structs import replace
from twsmq_protocol.counted import counted
from twsmq_protocol.gateway_life import GatewayLife

from twsmq_nodes.runtime.life_clock import LifeClock
from twsmq_nodes.runtime.timer import TimerFired

from .life_events import (
    Alarm,
    Announce,
    Answered,
    Command,
    Keep,
    Memory,
    Note,
    Observed,
    Rung,
    Trouble,
)

HOUR_S, HOUR_NS = 3600.0, 3600 * 10**9
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
"""Well for so long before an outage counts as over; absent for so long before a gateway counts as restarted:
a connection that is cut is back sooner."""

LADDERS: dict[Trouble, tuple[Rung, ...]] = {
    Trouble.STALLED: (Rung.RESTART, Rung.START),
    Trouble.ABSENT: (Rung.START,),
    Trouble.UNUSABLE: (),
    Trouble.OURS: (),
    Trouble.UPSTREAM: (Rung.RECONNECTACCOUNT, Rung.RESTART, Rung.START),
    Trouble.FARM: (Rung.RECONNECTDATA, Rung.RESTART),
    Trouble.COMPETING: (),
}
_PAUSES = {Rung.RECONNECTACCOUNT: ACCOUNT_PAUSE_S, Rung.RECONNECTDATA: DATA_PAUSE_S}

Input = Observed | Answered | TimerFired
Action = Announce | Command | Alarm | Note | Keep


class Life:
    """`can_command`: IBC's command server is configured."""

    def __init__(self, life: GatewayLife, memory: Memory | None = None) -> None:
        self._life = life
        self._clock = LifeClock(life)
        self._memory: Memory = memory or Memory()
        self._trouble: Trouble | None = None
        self._session_up = False
        self._since = 0.0  # of the trouble, without what was planned, with what it had of this outage before
        self._had: dict[Trouble, float] = {}  # how long each has lasted in this outage
        self._began = 0.0  # the trouble, whatever was planned
        self._restarted = False  # the gateway, since its login was last proved
        self._well_since: float | None = None
        self._rung = 0  # the next one
        self._not_before = 0.0
        self._apart = FIRST_APART_S
        self._draining: tuple[Rung, float] | None = None
        self._announced = False
        self._announced_until = 0.0
        self._alarmed = False
        self._remind_at = math.inf
        self._before_act: Memory | None = None
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
        return actions + self._withdrawn(now)

    # -- what is seen

    def _observed(self, seen: Observed, now: float, ns: int) -> list[Action]:
        self._session_up = seen.session_up
        actions: list[Action] = []
        if seen.trouble is not self._trouble:
            actions += self._changed(seen.trouble, now)
        if seen.trouble is None and seen.session_up:
            actions += self._proved(ns)
        return actions

    def _changed(self, trouble: Trouble | None, now: float) -> list[Action]:
        before, self._trouble = self._trouble, trouble
        if before is not None:
            self._had[before] = now - self._since
            self._restarted |= before is Trouble.ABSENT and now >= self._began + BACK_S
        if trouble is None:
            self._well_since = now
            return []
        actions: list[Action] = []
        relapsed = self._well_since is not None and now < self._well_since + BACK_S
        if before is None and not relapsed:
            self._rung, self._not_before, self._apart = 0, 0.0, FIRST_APART_S
            self._had.clear()
            actions.append(Note(f"{trouble.value}"))
        elif before is not None and self._draining is None and not self._pausing(now):
            self._rung = 0  # another trouble of the same outage has another ladder
        if not LADDERS[trouble]:
            self._draining = None
        # What comes and goes is as bad as what stays: its times add up.
        self._since, self._began, self._well_since = now - self._had.get(trouble, 0.0), now, None
        return actions

    def _proved(self, ns: int) -> list[Action]:
        """A session reaches IBKR: whatever login there was has worked. One of last week goes on working until
        the gateway is restarted, and says nothing of the next restart."""
        memory = self._memory
        if memory.login_at is not None and not memory.unproved and not self._restarted:
            return []
        self._restarted = False
        self._memory = replace(memory, login_at=ns, unproved=0)
        return [Keep(self._memory)]

    def _answered(self, answer: Answered, now: float) -> list[Action]:
        if answer.ok is not None:
            return [Note(f"{answer.rung.value}: {answer.text}")]
        actions: list[Action] = [Note(f"{answer.rung.value} could not be given: {answer.text}")]
        if self._trouble is None:
            return actions
        if not answer.given and self._before_act is not None:  # it counts neither as restart nor as login
            was, self._before_act = self._before_act, None
            self._memory = replace(
                self._memory, asked_in=was.asked_in, unproved=was.unproved, acted=was.acted
            )
            actions.append(Keep(self._memory))
        if not answer.given or answer.rung is not Rung.START:
            self._not_before = self._announced_until = now  # the next rung at once
        return actions

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
            self._had.clear()
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
        self._before_act = None
        if rung in (Rung.RESTART, Rung.START):
            known = self._before_act = self._memory
            self._memory = replace(known, acted=(*self._acts(ns), ns))
            if self._is_login(rung, ns):
                window = self._clock.login_window(ns)
                self._memory = replace(self._memory, asked_in=window, unproved=known.unproved + 1)
            actions.append(Keep(self._memory))
        self._not_before = self._announced_until = now + _PAUSES.get(rung, PAUSE_S)
        self._wake(self._not_before)
        return [*actions, Command(rung)]

    def _held_back(self, rung: Rung, now: float, ns: int) -> tuple[float, str] | None:
        """Until when a rung must not be climbed, and what a person should know."""
        assert self._trouble is not None
        if rung not in (Rung.RESTART, Rung.START):
            return None
        acts = self._acts(ns)
        if len(acts) >= self._life.most_per_hour:
            text = f"{self._trouble.value}, and {counted(len(acts), 'restart')} within an hour did not help"
            return now + max(1.0, (min(acts) + HOUR_NS - ns) / 1e9), text
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
        if not LADDERS[self._trouble]:  # nothing was done, so the next trouble need not wait for anything
            actions = self._alarm(f"{self._trouble.value}: it is left to you to decide", now)
            self._wake(self._remind_at)
            return actions
        self._rung = 0
        self._not_before = now + self._apart
        self._apart = min(2 * self._apart, MOST_APART_S)
        self._wake(min(self._not_before, self._remind_at))
        known = self._memory.login_at
        tried = "all that could be done was tried"
        if known is not None and self._clock.token_ended(known, ns):
            tried = "the week's login has ended, log in (2FA)"
        return self._alarm(f"{self._trouble.value}: {tried}", now)

    def _withdrawn(self, now: float) -> list[Action]:
        """What was announced has been done, and trouble goes on: nobody is held up for it any longer."""
        if not self._announced or self._draining is not None or self._trouble is None:
            return []
        if now < self._announced_until:
            self._wake(self._announced_until)
            return []
        self._announced = False
        return [Announce(None)]

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

    def _acts(self, ns: int) -> tuple[int, ...]:
        """The restarts of the last hour, also those of another run of this process."""
        return tuple(act for act in self._memory.acted if abs(ns - act) < HOUR_NS)

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
            case Trouble.STALLED | Trouble.UNUSABLE | Trouble.OURS:
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
