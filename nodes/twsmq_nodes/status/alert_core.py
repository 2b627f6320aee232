"""Alerts as a state machine: what holds, and for how long, in; what is announced and delivered, out.

    quiet ─ holds ─→ pending ─ for `for_s` ─→ FIRING ─ acknowledged ─→ ACKNOWLEDGED
      ↑                 │ no longer holds        │  no longer holds           │
      └─────────────────┴──────── RESOLVED ←─────┴────────────────────────────┘

Invariants: one alert is one (name, about); it fires once however often it is found to hold; it resolves
once; what never fired is never announced. While it fires and nobody has acknowledged it, it is repeated, at
twice the distance each time. A silence holds back deliveries, never states: what fires in a silent window
and still does when it ends is delivered then. A resolution is delivered only where the firing was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from msgspec import Struct
from twsmq_protocol.alerts import (
    Alert,
    AlertRow,
    AlertState,
    Severity,
)

REPEAT_S = 600.0
REPEAT_MOST_S = 4 * 3600.0
RESOLVE_S = 3.0
"""A condition must be gone for so long: one that flickers fires once."""
MOST_RESOLVED = 100


class Rule(Struct, frozen=True):
    """`for_s`: how long it must hold before it fires."""

    name: str
    severity: Severity
    for_s: float
    runbook: str = ""


class Holding(Struct, frozen=True):
    """A rule's condition holds for `about`."""

    rule: Rule
    about: str
    text: str


class Announce(Struct, frozen=True):
    """Publish it; `deliver`: hand it to the sinks too."""

    event: Alert
    deliver: bool


class _Case(Struct):
    rule: Rule
    about: str
    text: str
    pending_at: float
    seen_at: float
    fired_ns: int = 0
    fired: bool = False
    delivered: bool = False
    next_repeat: float = 0.0
    repeats: int = 0
    acknowledged_by: str | None = None


Key = tuple[str, str]


class AlertCore:
    """`now` in seconds, monotonic; `ns` since the epoch."""

    def __init__(self) -> None:
        self._cases: dict[Key, _Case] = {}
        self._resolved: list[AlertRow] = []
        self.silences: dict[str, int] = {}

    def evaluate(self, holding: Iterable[Holding], now: float, ns: int) -> list[Announce]:
        """All that holds now; whatever is not among it does not."""
        for each in holding:
            key = (each.rule.name, each.about)
            case = self._cases.get(key)
            if case is None:
                self._cases[key] = _Case(each.rule, each.about, each.text, now, now)
            else:
                case.seen_at, case.text = now, each.text
        self._end_silences(ns)
        announced: list[Announce] = []
        for key, case in list(self._cases.items()):
            if case.seen_at < now:
                announced += self._over(key, case, now, ns)
            elif not case.fired and now - case.pending_at >= case.rule.for_s:
                announced.append(self._fire(case, now, ns))
            elif case.fired and case.acknowledged_by is None:
                announced += self._again(case, now, ns)
        return announced

    def acknowledge(self, name: str, about: str | None, by: str) -> list[Announce]:
        """Whoever fires under that name (and about that), from now on in `by`'s hands."""
        announced: list[Announce] = []
        for case in self._cases.values():
            meant = case.rule.name == name and about in (None, case.about)
            if meant and case.fired and case.acknowledged_by is None:
                case.acknowledged_by = by
                announced.append(Announce(_event(case), deliver=False))
        return announced

    def silence(self, name: str, until_ns: int) -> None:
        """`name` may hold `*`. A moment that has passed ends the silence."""
        self.silences[name] = until_ns

    def rows(self) -> list[AlertRow]:
        """What fires, those worth a page first; then the latest that resolved."""
        firing = [self._row(case) for case in self._cases.values() if case.fired]
        firing.sort(key=lambda row: (row.severity != "page", row.since))
        return firing + self._resolved[::-1]

    def firing(self) -> Sequence[AlertRow]:
        return [row for row in self.rows() if row.state != "resolved"]

    def _fire(self, case: _Case, now: float, ns: int) -> Announce:
        case.fired, case.fired_ns = True, ns
        case.next_repeat = now + REPEAT_S
        case.delivered = not self._silenced(case)
        return Announce(_event(case), deliver=case.delivered)

    def _again(self, case: _Case, now: float, ns: int) -> list[Announce]:
        if self._silenced(case):
            return []
        if not case.delivered:  # the silence is over
            case.delivered = True
            case.next_repeat = now + REPEAT_S
            return [Announce(_event(case), deliver=True)]
        if now < case.next_repeat:
            return []
        case.repeats += 1
        case.next_repeat = now + min(REPEAT_S * 2**case.repeats, REPEAT_MOST_S)
        return [Announce(_event(case), deliver=True)]

    def _over(self, key: Key, case: _Case, now: float, ns: int) -> list[Announce]:
        if not case.fired:
            del self._cases[key]
            return []
        if now - case.seen_at < RESOLVE_S:
            return []
        del self._cases[key]
        event = _event(case, resolved=ns)
        self._resolved.append(
            AlertRow(
                name=case.rule.name,
                about=case.about,
                severity=case.rule.severity,
                state="resolved",
                text=case.text,
                since=case.fired_ns,
                resolved=ns,
                acknowledged_by=case.acknowledged_by,
            )
        )
        del self._resolved[:-MOST_RESOLVED]
        return [Announce(event, deliver=case.delivered and not self._silenced(case))]

    def _row(self, case: _Case) -> AlertRow:
        silenced = [until for name, until in self.silences.items() if fnmatchcase(case.rule.name, name)]
        return AlertRow(
            name=case.rule.name,
            about=case.about,
            severity=case.rule.severity,
            state=_state(case),
            text=case.text,
            since=case.fired_ns,
            acknowledged_by=case.acknowledged_by,
            silenced_until=max(silenced, default=None),
        )

    def _silenced(self, case: _Case) -> bool:
        return any(fnmatchcase(case.rule.name, name) for name in self.silences)

    def _end_silences(self, ns: int) -> None:
        self.silences = {name: until for name, until in self.silences.items() if until > ns}


def _state(case: _Case) -> AlertState:
    return "firing" if case.acknowledged_by is None else "acknowledged"


def _event(case: _Case, resolved: int | None = None) -> Alert:
    return Alert(
        name=case.rule.name,
        severity=case.rule.severity,
        state=_state(case) if resolved is None else "resolved",
        text=case.text,
        about=case.about,
        since=case.fired_ns,
        resolved=resolved,
        acknowledged_by=case.acknowledged_by,
        runbook=case.rule.runbook,
        repeat=case.repeats,
    )
