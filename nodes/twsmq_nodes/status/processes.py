"""Rows of the sections `processes` and `budget`: alive, beating and ready apart, and what each costs.

alive    the supervisor's word: it knows whether the process exists
beating  heartbeats come; silence is shown as silence and never taken for a death
ready    what the last heartbeat said, nothing once it is silent
The rest comes from each process's own `metrics`; rates are differences of two answers of one life of it. What
was last counted of a process that answers no more is of no present, and absent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

from msgspec import Struct
from twsmq_protocol.board import Row
from twsmq_protocol.envelope import NS
from twsmq_protocol.metrics import METRICS, Metrics, Sample
from twsmq_protocol.processes import STATUS
from twsmq_protocol.system_events import Heartbeat, Process

SILENT_AFTER_S = 2.0
FLAPPING_S = 600.0
START_S = 90.0
COUNTED_S = 5.0
"""How long an answer to `metrics` counts as the present."""
_DEAD = frozenset(("stopped", "backoff", "failed"))


class _Usage(Struct):
    """What two answers to `metrics` showed."""

    at: float
    incarnation: int
    samples: dict[str, list[Sample]]
    cpu: float | None = None
    rate: float | None = None
    lag: float | None = None
    wait: float | None = None
    commit: float | None = None


class ProcessBoard:
    """`nodes`: the processes that must beat. Times in seconds, monotonic; `ns` since the epoch."""

    def __init__(self, nodes: Iterable[str], client_ids: Mapping[str, int | None]) -> None:
        self._nodes = tuple(nodes)
        self._client_ids = client_ids
        self._beats: dict[str, tuple[float, int, Heartbeat]] = {}
        self._supervised: dict[str, tuple[int, Process]] = {}
        self._usage: dict[str, _Usage] = {}
        self._restarts: dict[str, deque[float]] = {}
        self._refused: deque[tuple[float, float]] = deque()
        self.newest: float | None = None
        """When anything came last from anybody else: this process receives its own whatever is gone."""

    def received(self, event: Heartbeat | Process, now: float, ns: int) -> None:
        if event.name != STATUS or not isinstance(event, Heartbeat):
            self.newest = now
        if isinstance(event, Heartbeat):
            self._beats[event.name] = (now, ns, event)
            return
        before = self._supervised.get(event.name)
        self._supervised[event.name] = (ns, event)
        if before is not None and event.restarts > before[1].restarts:
            self._restarts.setdefault(event.name, deque(maxlen=100)).append(now)

    def counted(self, answer: Metrics, now: float) -> None:
        """An answer to `metrics`."""
        samples = {each.name: each.samples for each in answer.metrics}
        before = self._usage.get(answer.name)
        usage = _Usage(now, answer.incarnation, samples)
        self._count_refused(before, usage)
        if before is not None and now > before.at and before.incarnation == usage.incarnation:
            usage.cpu = _rate(before, usage, "cpu_seconds_total")
            usage.rate = _rate(before, usage, "gateway_messages_sent_total")
            usage.lag = _recent(before, usage, "loop_lag_seconds")
            usage.wait = _recent(before, usage, "gateway_budget_wait_seconds")
            usage.commit = _recent(before, usage, "journal_commit_seconds")
        self._usage[answer.name] = usage

    def beating(self, name: str, now: float) -> bool:
        """Beats of a process that the supervisor has seen end are no beats any more."""
        beat = self._beats.get(name)
        if beat is None or now - beat[0] >= SILENT_AFTER_S:
            return False
        supervised = self._supervised.get(name)
        return supervised is None or (supervised[1].pid in (None, beat[2].pid) and _exists(supervised[1]))

    def names(self) -> list[str]:
        """Nodes in the order they start, then whoever else is known."""
        others = sorted((self._supervised.keys() | self._beats.keys()) - set(self._nodes))
        return [*self._nodes, *others]

    def processes(self, now: float) -> dict[str, Row]:
        return {name: self._process(name, now) for name in self.names()}

    def budget(self, now: float) -> dict[str, Row]:
        rows: dict[str, Row] = {}
        for name in self.names():
            usage = self._usage.get(name)
            sent = None if usage is None else _value(usage.samples, "gateway_messages_sent_total")
            if usage is None or sent is None:
                continue
            present = self._counted(name, now) is usage
            share = _value(usage.samples, "gateway_budget_messages_per_second")
            rate = round(usage.rate, 1) if present and usage.rate is not None else None
            rows[name] = {
                "key": name,
                "name": name,
                "client_id": self._client_ids.get(name),
                "rate": rate,
                "share": round(share, 2) if share else None,
                "used": None if rate is None or not share else round(rate / share, 3),
                "queue": _integer(_value(usage.samples, "gateway_queue_messages")) if present else None,
                "wait_s": usage.wait if present else None,
                "sent": int(sent),
                "errors": _errors(usage.samples),
            }
        return rows

    # -- for the alerts

    @property
    def supervised(self) -> bool:
        """The supervisor has said something."""
        return bool(self._supervised)

    def restarts(self, now: float) -> dict[str, int]:
        """How often each was restarted within ten minutes."""
        found: dict[str, int] = {}
        for name, moments in self._restarts.items():
            while moments and now - moments[0] > FLAPPING_S:
                moments.popleft()
            if moments:
                found[name] = len(moments)
        return found

    def failed(self) -> dict[str, str]:
        return {
            name: event.reason or "no reason given"
            for name, (_, event) in self._supervised.items()
            if event.state == "failed"
        }

    def missing(self) -> bool:
        """A node has not beaten since this process began."""
        return any(name not in self._beats for name in self._nodes)

    def silent(self, now: float, began: float) -> dict[str, float]:
        """Nodes that do not beat, and for how long: also those that have not since this process `began`, as
        soon as they have had the time to start."""
        found: dict[str, float] = {}
        for name in self._nodes:
            since = self._beats[name][0] if name in self._beats else began + START_S
            if now - since >= SILENT_AFTER_S:
                found[name] = now - since
        return found

    def budget_waits(self, now: float) -> dict[str, float]:
        return {
            name: usage.wait
            for name in self._usage
            if (usage := self._counted(name, now)) is not None and usage.wait is not None
        }

    def commit_s(self, now: float) -> float | None:
        counted = (self._counted(name, now) for name in self._usage)
        return max((each.commit for each in counted if each and each.commit is not None), default=None)

    def refused_per_minute(self, now: float) -> float:
        """Requests refused for want of a right, over the last minute."""
        while self._refused and now - self._refused[0][0] > 60.0:
            self._refused.popleft()
        return sum(count for _, count in self._refused)

    def sample(self, process: str, name: str) -> float | None:
        """The newest value of one metric of one process, its labels summed up."""
        usage = self._usage.get(process)
        return None if usage is None else _sum(usage.samples, name)

    def states(self, now: float) -> Iterable[tuple[str, str, float | None, int | None]]:
        """Name, state, age of the last heartbeat, restarts."""
        for name in self.names():
            beat = self._beats.get(name)
            supervised = self._supervised.get(name)
            state = self._ready(name, now) or (supervised[1].state if supervised else "silent")
            age = None if beat is None else now - beat[0]
            yield name, state, age, supervised[1].restarts if supervised else None

    # -- within

    def _counted(self, name: str, now: float) -> _Usage | None:
        """What it counted lately."""
        usage = self._usage.get(name)
        return None if usage is None or now - usage.at >= COUNTED_S else usage

    def _count_refused(self, before: _Usage | None, usage: _Usage) -> None:
        """What was refused since its last answer. Of the first one nobody knows since when it counts."""
        if before is None:
            return
        earlier = _refused(before.samples) if before.incarnation == usage.incarnation else 0.0
        more = _refused(usage.samples) - earlier
        if more > 0:
            self._refused.append((usage.at, more))

    def _process(self, name: str, now: float) -> Row:
        _, supervised = self._supervised.get(name, (0, None))
        _, beat_ns, beat = self._beats.get(name, (0.0, None, None))
        usage = self._counted(name, now)
        beats = name in self._nodes or beat is not None
        known = supervised or beat
        since = None
        if supervised is not None and supervised.pid is not None:
            since = self._supervised[name][0] - int(supervised.uptime_s * 1e9)
        elif beat is not None and beat_ns is not None:
            since = beat_ns - int(beat.uptime_s * 1e9)
        return {
            "key": name,
            "name": name,
            "alive": None if supervised is None else _alive(supervised),
            "beating": ("beating" if self.beating(name, now) else "silent") if beats else None,
            "ready": self._ready(name, now),
            "heard": beat_ns,
            "since": None if since is None else since // NS * NS,
            "restarts": None if supervised is None else supervised.restarts,
            "memory": None if usage is None else _integer(_value(usage.samples, "resident_memory_bytes")),
            "cpu": None if usage is None or usage.cpu is None else round(usage.cpu, 3),
            "lag_s": None if usage is None else usage.lag,
            "pid": None if known is None else known.pid,
            "client_id": self._client_ids.get(name),
            "words": (supervised.reason if supervised else None) or (beat.detail if beat else None),
        }

    def _ready(self, name: str, now: float) -> str | None:
        beat = self._beats.get(name)
        if beat is not None and self.beating(name, now):
            return beat[2].state
        supervised = self._supervised.get(name)
        if supervised is not None and (beat is None or beat[2].pid != supervised[1].pid):
            return supervised[1].state  # it has not beaten since it was started
        return "silent" if beat is not None or name in self._nodes else None


def _exists(process: Process) -> bool:
    return process.state not in _DEAD


def _alive(process: Process) -> str:
    return process.state if not _exists(process) or process.state == "hung" else "alive"


def _value(samples: Mapping[str, list[Sample]], name: str) -> float | None:
    found = samples.get(name)
    return found[0].value if found else None


def _sum(samples: Mapping[str, list[Sample]], name: str) -> float | None:
    found = samples.get(name)
    return sum(each.value for each in found) if found else None


def _refused(samples: Mapping[str, list[Sample]]) -> float:
    requests = samples.get("requests_total", ())
    unauthorized = sum(each.value for each in requests if each.labels.get("code") == "unauthorized")
    return unauthorized + (_sum(samples, "auth_refused_total") or 0.0)


def _errors(samples: Mapping[str, list[Sample]]) -> int:
    """Without what only informs, like a farm that is connected: each session gets half a dozen at start."""
    found = samples.get("gateway_errors_total", [])
    return int(sum(each.value for each in found if each.labels.get("class") == "error"))


def _integer(value: float | None) -> int | None:
    return None if value is None else int(value)


def _rate(before: _Usage, after: _Usage, name: str) -> float | None:
    """Growth a second, of one life of the process."""
    old, new = _value(before.samples, name), _value(after.samples, name)
    if old is None or new is None:
        return None
    return (new - old) / (after.at - before.at)


def _recent(before: _Usage, after: _Usage, name: str) -> float | None:
    """The 99th percentile of what was observed between two answers; None without an observation."""
    old, new = before.samples.get(name), after.samples.get(name)
    if not new or not (counts := new[0].buckets):
        return None
    earlier = old[0].buckets if old and old[0].buckets else [0] * len(counts)
    fresh = [now - then for now, then in zip(counts, earlier, strict=True)]
    if fresh[-1] <= 0:
        return None
    bounds = METRICS[name].bounds
    for bound, seen in zip(bounds, fresh, strict=False):
        if seen >= 0.99 * fresh[-1]:
            return bound
    return bounds[-1]
