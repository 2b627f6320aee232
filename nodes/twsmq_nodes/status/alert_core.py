"""Alerts as a state machine: what holds, and for how long, in; what is announced and delivered, out.

    quiet ─ holds ─→ pending ─ for `for_s` ─→ FIRING ─ acknowledged ─→ ACKNOWLEDGED
      ↑                 │ no longer holds        │  no longer holds           │
      └─────────────────┴──────── RESOLVED ←─────┴────────────────────────────┘

Invariants: one alert is one (name, about); it fires once however often it is found to hold; it resolves
once; what never fired is never announced. While it fires and nobody has acknowledged it, it is repeated, at
twice the distance each time. Who acknowledged it took care of what it was: when it gets worse, and stays so,
it fires again. A silence holds back deliveries, never states: what fires in a silent window and still does
when it ends is delivered then. A resolution is delivered only where the firing was. What nobody knows at
present (`undecided`) resolves nothing.
All this outlives the process (`kept`, `restore`): else a restart would deliver twice what fires, never
resolve what ended meanwhile, and forget silences and acknowledgements.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from msgspec import Struct, field
from twsmq_protocol.alerts import (
    Alert,
    AlertRow,
    AlertState,
    Severity,
)
from twsmq_protocol.envelope import NS

REPEAT_S = 600.0
REPEAT_MOST_S = 4 * 3600.0
RESOLVE_S = 3.0
"""A condition must be gone for so long: one that flickers fires once."""
MOST_RESOLVED = 100
MOST_SILENT_NS = 7 * 86_400 * NS
CLOCK_SET_NS = 5 * NS


class Rule(Struct, frozen=True):
    """`for_s`: how long it must hold before it fires."""

    name: str
    severity: Severity
    for_s: float
    runbook: str = ""


class Holding(Struct, frozen=True):
    """A rule's condition holds for `about`. `level`: how bad it is, by the rule's own measure."""

    rule: Rule
    about: str
    text: str
    level: float = 0.0


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
    level: float = 0.0
    accepted: float = 0.0
    """The level that whoever acknowledged it takes care of."""
    worse_at: float | None = None


class KeptCase(Struct, frozen=True):
    """What fires, for the next life of this process."""

    name: str
    about: str
    severity: Severity
    text: str
    fired_ns: int
    delivered: bool
    repeats: int
    acknowledged_by: str | None
    accepted: float


class KeptAlerts(Struct, frozen=True):
    """`silences`: ns since the epoch."""

    firing: list[KeptCase] = field(default_factory=list[KeptCase])
    resolved: list[AlertRow] = field(default_factory=list[AlertRow])
    silences: dict[str, int] = field(default_factory=dict[str, int])


Key = tuple[str, str]


class AlertCore:
    """`now` in seconds, monotonic; `ns` since the epoch."""

    def __init__(self) -> None:
        self._cases: dict[Key, _Case] = {}
        self._resolved: list[AlertRow] = []
        self._silent_until: dict[str, float] = {}
        self.silences: dict[str, int] = {}
        """Until when (ns), as shown. Decided is it by a clock that nobody sets."""

    def evaluate(
        self, holding: Iterable[Holding], now: float, ns: int, undecided: Collection[str] = ()
    ) -> list[Announce]:
        """All that holds now; whatever is not among it does not, but for the rules of which nobody knows."""
        for each in holding:
            key = (each.rule.name, each.about)
            case = self._cases.get(key)
            if case is None:
                case = self._cases[key] = _Case(each.rule, each.about, each.text, now, now)
            case.seen_at, case.text, case.level = now, each.text, each.level
        self._end_silences(now, ns)
        announced: list[Announce] = []
        for key, case in list(self._cases.items()):
            if case.seen_at < now:
                if case.fired and case.rule.name in undecided:
                    case.seen_at = now
                else:
                    announced += self._over(key, case, now, ns)
            elif not case.fired and now - case.pending_at >= case.rule.for_s:
                announced.append(self._fire(case, now, ns))
            elif case.fired and case.acknowledged_by is None:
                announced += self._again(case, now)
            elif case.fired:
                announced += self._worse(case, now)
        return announced

    def acknowledge(self, name: str, about: str | None, by: str) -> list[Announce]:
        """Whoever fires under that name (and about that), from now on in `by`'s hands."""
        announced: list[Announce] = []
        for case in self._cases.values():
            meant = case.rule.name == name and about in (None, case.about)
            if meant and case.fired and case.acknowledged_by is None:
                case.acknowledged_by, case.accepted, case.worse_at = by, case.level, None
                announced.append(Announce(_event(case), deliver=False))
        return announced

    def silence(self, name: str, seconds: float, now: float, ns: int) -> None:
        """`name` may hold `*`. 0 ends the silence."""
        self._silent_until[name] = now + seconds
        self._end_silences(now, ns)

    def kept(self, under_way: Collection[Key] = ()) -> KeptAlerts:
        """What the next life of this process has to know. `under_way`: handed to the sinks, and not yet known
        to have arrived: better twice than never."""
        firing = [
            KeptCase(
                case.rule.name, case.about, case.rule.severity, case.text, case.fired_ns,
                case.delivered and key not in under_way, case.repeats, case.acknowledged_by, case.accepted,
            )
            for key, case in self._cases.items()
            if case.fired
        ]  # fmt: skip
        return KeptAlerts(firing, self._resolved, dict(self.silences))

    def restore(self, kept: KeptAlerts, rules: Mapping[str, Rule], now: float, ns: int) -> list[Alert]:
        """Go on from there; what fires, for newcomers. A rule that is off meanwhile resolves."""
        for each in kept.firing:
            rule = rules.get(each.name) or Rule(each.name, each.severity, 0.0)
            case = _Case(rule, each.about, each.text, now, now, each.fired_ns, fired=True)
            case.delivered, case.repeats = each.delivered, each.repeats
            case.acknowledged_by, case.accepted, case.level = (
                each.acknowledged_by,
                each.accepted,
                each.accepted,
            )
            case.next_repeat = now + min(REPEAT_S * 2**case.repeats, REPEAT_MOST_S)
            self._cases[each.name, each.about] = case
        self._resolved = list(kept.resolved)
        for name, until_ns in kept.silences.items():
            self.silence(name, min(until_ns - ns, MOST_SILENT_NS) / NS, now, ns)
        return [_event(case) for case in self._cases.values()]

    def rows(self) -> list[AlertRow]:
        """What fires, those worth a page first; then the latest that resolved."""
        firing = [self._row(case) for case in self._cases.values() if case.fired]
        firing.sort(key=lambda row: (row.severity != "page", row.since))
        return firing + self._resolved[::-1]

    def events(self, name: str) -> list[Alert]:
        """What fires under that name, as it stands."""
        return [_event(case) for case in self._cases.values() if case.fired and case.rule.name == name]

    def firing(self) -> Sequence[AlertRow]:
        return [row for row in self.rows() if row.state != "resolved"]

    def _fire(self, case: _Case, now: float, ns: int) -> Announce:
        case.fired, case.fired_ns = True, ns
        case.next_repeat = now + REPEAT_S
        case.delivered = not self._silenced(case)
        return Announce(_event(case), deliver=case.delivered)

    def _worse(self, case: _Case, now: float) -> list[Announce]:
        """Nobody has acknowledged what it has become."""
        if case.level <= case.accepted:
            case.accepted, case.worse_at = case.level, None
            return []
        case.worse_at = now if case.worse_at is None else case.worse_at
        if now - case.worse_at < case.rule.for_s:
            return []
        case.acknowledged_by, case.worse_at, case.repeats = None, None, 0
        case.next_repeat = now + REPEAT_S
        case.delivered = not self._silenced(case)
        return [Announce(_event(case), deliver=case.delivered)]

    def _again(self, case: _Case, now: float) -> list[Announce]:
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

    def _end_silences(self, now: float, ns: int) -> None:
        self._silent_until = {name: until for name, until in self._silent_until.items() if until > now}
        ends = {name: ns + int((until - now) * NS) for name, until in self._silent_until.items()}
        self.silences = {  # as shown before, unless the clock was set
            name: shown if abs((shown := self.silences.get(name, 0)) - end) < CLOCK_SET_NS else end
            for name, end in ends.items()
        }


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
