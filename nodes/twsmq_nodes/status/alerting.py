"""Alerts at work: gathers the facts, feeds the core, publishes what it announces and hands it to the
sinks."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from time import time_ns

import msgspec
import structlog
from twsmq_protocol.alerts import (
    ALERTS,
    TEST,
    AcknowledgeAlert,
    Alert,
    AlertList,
    SilenceAlert,
    TryAlerts,
)
from twsmq_protocol.config import AlertSetting
from twsmq_protocol.errors import ErrorCode, RequestError
from twsmq_protocol.topics import alert_topic
from twsmq_transport.outbox import Outbox

from .alert_core import AlertCore, Announce, KeptAlerts
from .alert_rules import Facts, holding, watched
from .sinks import Sinks

log = structlog.stdlib.get_logger()


def signed(by: str, key: str) -> str:
    """Who asks, by their own word, and the key that vouches for it where there are keys."""
    return by if key in ("", by) else f"{by} ({key})"


class Alerting:
    """`facts` is asked at every evaluation; `settings` as in `[alerts.rules]`. `kept`: what an earlier life
    of this process had `keep` write down."""

    def __init__(
        self,
        facts: Callable[[], Facts],
        settings: Mapping[str, AlertSetting],
        sinks: Sinks,
        outbox: Outbox,
        kept: str | None,
        keep: Callable[[str], None],
    ) -> None:
        self.core = AlertCore()
        self._watched = watched(settings)
        self._facts = facts
        self._sinks = sinks
        self._outbox = outbox
        self._loop = asyncio.get_running_loop()
        self._keep = keep
        self._silences: dict[str, int] = {}
        self._under_way: Counter[tuple[str, str]] = Counter()
        if kept:
            self._go_on(kept)

    def _go_on(self, kept: str) -> None:
        try:
            before = msgspec.json.decode(kept, type=KeptAlerts)
        except msgspec.MsgspecError as error:
            log.warning("alerts of before could not be read", problem=str(error))
            return
        rules = {each.rule.name: each.rule for each in self._watched}
        for event in self.core.restore(before, rules, self._loop.time(), time_ns()):
            self._outbox.retain(alert_topic(event.name), event)
        self._silences = dict(self.core.silences)

    def evaluate(self) -> None:
        facts = self._facts()
        holds = holding(facts, self._watched)
        self._announce(self.core.evaluate(holds, self._loop.time(), time_ns(), facts.undecided))

    def listed(self) -> AlertList:
        return AlertList(alerts=self.core.rows(), silences=self.core.silences, sinks=self._sinks.names)

    def acknowledge(self, args: AcknowledgeAlert, key: str) -> AlertList:
        """`key`: under whose the request came. Raises `RequestError` when no such alert fires."""
        by = signed(args.by, key)
        announced = self.core.acknowledge(args.name, args.about, by)
        if not announced and not any(row.name == args.name for row in self.core.firing()):
            raise RequestError(
                ErrorCode.INVALID_ARGUMENT,
                f"{args.name[:40]!r} does not fire; `twsmq alerts` lists what does",
                field="name",
            )
        log.info("alert acknowledged", alert=args.name, about=args.about, by=by)
        self._announce(announced)
        return self.listed()

    def silence(self, args: SilenceAlert, key: str) -> AlertList:
        if args.name not in ALERTS and "*" not in args.name:
            raise RequestError(
                ErrorCode.INVALID_ARGUMENT,
                f"no alert is called {args.name[:40]!r}; there are {', '.join(ALERTS)}",
                field="name",
            )
        self.core.silence(args.name, args.minutes * 60, self._loop.time(), time_ns())
        log.info("alert silenced", alert=args.name, minutes=args.minutes, by=signed(args.by, key))
        self.evaluate()
        return self.listed()

    def test(self, args: TryAlerts, key: str) -> AlertList:
        """Through every sink, whatever is silenced."""
        event = Alert(
            name=TEST,
            severity="page",
            state="firing",
            text=f"a test of the alerts, asked for by {signed(args.by, key)}",
            since=time_ns(),
            runbook=f"docs/runbook/{TEST}.md",
            test=True,
        )
        self._announce([Announce(event, deliver=True)])
        return self.listed()

    def _announce(self, announced: list[Announce]) -> None:
        for each in announced:
            event = each.event
            over = event.state == "resolved" or event.test
            topic = alert_topic(event.name)
            self._outbox.publish(topic, event, retain=not over)
            if event.state == "resolved":
                self._retain_another(topic, event.name)
            if each.deliver:
                key = (event.name, event.about)
                self._under_way[key] += 1
                self._sinks.deliver(event, partial(self._settled, key))
        if announced or self._silences != self.core.silences:
            self._silences = dict(self.core.silences)
            self._write_down()

    def _settled(self, key: tuple[str, str]) -> None:
        """No sink has it under way any more."""
        self._under_way[key] -= 1
        if not self._under_way[key]:
            del self._under_way[key]
            self._write_down()

    def _write_down(self) -> None:
        self._keep(msgspec.json.encode(self.core.kept(self._under_way)).decode())

    def _retain_another(self, topic: str, name: str) -> None:
        """Newcomers are to get one that fires, not what was published last."""
        firing = self.core.events(name)
        if firing:
            self._outbox.retain(topic, firing[-1])
        else:
            self._outbox.forget(topic)
